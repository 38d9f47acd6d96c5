"""ResNet50 and MobileNetV2 beside the same networks in plain torch, tf.keras and Keras 3.

    python benchmarks/applications.py [--cases ResNet50] [--rounds 5] [--keras3]
                                      [--tensorflow PYTHON] [--write FILE]

Contenders and the way they are measured are those of `train.py`. The torch modules have the
arithmetic of Keras' networks, which is not torchvision's: biases and the strides of ResNet50 as in
the paper, padding on the right and below in MobileNetV2, the constants of batch normalization.
"""

from __future__ import annotations

import argparse
import platform
from functools import partial
from pathlib import Path

import train
from workloads import Workload, images, numbers

# --- the same networks by hand -----------------------------------------------------------------


def resnet50():
    """ResNet50 of 2015: the first convolution of a block has its stride."""
    import torch
    from torch import nn

    norm = partial(nn.BatchNorm2d, eps=1.001e-5, momentum=0.01)

    def conv(before, after, kernel=1, stride=1, padding=0):
        return nn.Conv2d(before, after, kernel, stride, padding), norm(after)

    class Block(nn.Module):
        def __init__(self, before, filters, stride, first):
            super().__init__()
            self.shortcut = nn.Sequential(*conv(before, 4 * filters, 1, stride)) if first else None
            self.body = nn.Sequential(
                *conv(before, filters, 1, stride), nn.ReLU(inplace=True),
                *conv(filters, filters, 3, 1, 1), nn.ReLU(inplace=True),
                *conv(filters, 4 * filters),
            )  # fmt: skip
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            shortcut = x if self.shortcut is None else self.shortcut(x)
            return self.relu(self.body(x) + shortcut)

    # Zero padding before the pooling as in Keras; behind a ReLU it changes nothing.
    parts = [*conv(3, 64, 7, 2, 3), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, (filters, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            parts.append(Block(channels, filters, stride, not block))
            channels = 4 * filters
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)]
    return nn.Sequential(*parts).to(memory_format=torch.channels_last)


def mobilenet_v2():
    """MobileNetV2 for images of 224 x 224, padded as TensorFlow pads."""
    import torch
    from torch import nn

    def conv(before, after, kernel=1, stride=1, groups=1, active=True):
        padding = [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
        inside = 0 if stride == 2 else kernel // 2
        return [
            *padding,
            nn.Conv2d(before, after, kernel, stride, inside, groups=groups, bias=False),
            nn.BatchNorm2d(after, eps=1e-3, momentum=0.001),
            *([nn.ReLU6(inplace=True)] if active else []),
        ]

    class Block(nn.Module):
        def __init__(self, before, after, stride, expansion):
            super().__init__()
            inner = before * expansion
            self.adds = stride == 1 and before == after
            self.body = nn.Sequential(
                *(conv(before, inner) if expansion > 1 else []),
                *conv(inner, inner, 3, stride, inner),
                *conv(inner, after, active=False),
            )

        def forward(self, x):
            return x + self.body(x) if self.adds else self.body(x)

    parts, channels = conv(3, 32, 3, 2), 32
    stages = ((16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))
    for stage, (filters, stride, blocks) in enumerate(stages):
        for block in range(blocks):
            step = stride if not block else 1
            parts.append(Block(channels, filters, step, 6 if stage else 1))
            channels = filters
    parts += [*conv(channels, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return nn.Sequential(*parts).to(memory_format=torch.channels_last)


def case(name, by_hand, batch, steps):
    return Workload(
        lambda keras: getattr(keras.applications, name)(weights=None),
        by_hand,
        numbers(224, 224, 3),
        1000,
        batch,
        steps,
        by_hand=images,
    )


CASES = {
    "ResNet50": case("ResNet50", resnet50, 8, 2),
    "MobileNetV2": case("MobileNetV2", mobilenet_v2, 16, 2),
}


def page(results, names, options):
    """The tables in Markdown."""
    used = ", ".join([*options.versions, f"Python {platform.python_version()}"])
    return f"""# Applications: time per step

Written by `python benchmarks/applications.py` with {used};
{train.processor()}, medians of {options.rounds} rounds, one process each, asked in turn.
Milliseconds, batches of {" and ".join(f"{CASES[name].batch} ({name})" for name in results)}; "to
..." is torchkeras over the other: below 1 torchkeras is faster. "torch by hand" is the same
arithmetic in plain torch modules. Spread is that of torchkeras over the rounds.

## A training step

{train.table(results, names, "train")}

## A predicted batch

{train.table(results, names, "predict")}

## Memory

Largest resident size of each process in MB, its libraries included.

{train.peaks(results, names)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=float, default=1, help="times the steps of a round")
    parser.add_argument("--keras3", action="store_true", help="also Keras 3 on torch")
    parser.add_argument("--tensorflow", help="a Python with tensorflow 2.15: also tf.keras")
    parser.add_argument("--write", type=Path, help="put the tables into this file")
    parser.add_argument("--debug", action="store_true", help="show what contenders print")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.set_defaults(jax=None)
    options = parser.parse_args()
    train.WORKLOADS.update(CASES)
    train.__file__ = __file__  # what the processes of contenders run
    if options.serve:
        return train.serve(*options.serve, options.repeats, once=False)
    names = ["torchkeras", "torch by hand"]
    names += ["Keras 3 on torch"] if options.keras3 else []
    names += ["tf.keras"] if options.tensorflow else []
    results, options.versions = {}, {}
    for name in options.cases:
        results[name] = train.measure(name, names, options, end=float("inf"))
        one = {name: results[name]}
        print(train.table(one, names, "train"), train.table(one, names, "predict"), "", sep="\n")
        if options.write:  # each time: what is measured is kept
            options.write.write_text(page(results, names, options))


if __name__ == "__main__":
    main()
