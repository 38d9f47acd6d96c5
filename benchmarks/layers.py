"""Forward and backward of each layer beside the plain torch call that it adapts.

    python benchmarks/layers.py [NAME ...] [--rounds 15] [--keras] [--write FILE]

Both run in this process in turn, on the same numbers in the same memory format, round after
round; the table holds medians of the ratios within a round. `--keras` asks Keras 3 on torch, in a
process of its own, for its ratio to the same torch calls.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))


class Case(NamedTuple):
    """`layer(layers)` makes the layer and `plain()` torch's callable, for inputs of `shapes`.

    `images`: torch's inputs and outputs have the channels second. `high`: integers below it.
    """

    layer: Callable[[Any], Any]
    plain: Callable[[], Callable]
    shapes: list[tuple]
    images: bool = False
    high: int | None = None


def case(layer, plain, *shapes, images=False, high=None):
    return Case(layer, plain, list(shapes), images, high)


def image(layer, plain, shape=(32, 28, 28, 32)):
    return case(layer, plain, shape, images=True)


def function(call):
    """A plain function where others make a module."""
    return lambda: call


def first(module):
    """A module that returns its outputs and states, for the outputs."""
    return lambda: _First(module())


class _First(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)[0]


class _MultiHead(nn.Module):
    """Four linear maps around torch's attention, 4 heads of 16."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(64, 64) for _ in range(4))

    def forward(self, query, value):
        def heads(x):
            return x.unflatten(-1, (4, 16)).transpose(1, 2)

        sides = heads(self.query(query)), heads(self.key(value)), heads(self.value(value))
        return self.out(F.scaled_dot_product_attention(*sides).transpose(1, 2).flatten(2))


class _Einsum(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(64, 4, 16))
        self.bias = nn.Parameter(torch.randn(4, 16))

    def forward(self, x):
        return torch.einsum("abc,cde->abde", x, self.kernel) + self.bias


class _Masked(nn.Module):
    """A recurrent layer under a mask with holes and ends of its own for each sample."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        steps = torch.arange(64) < torch.randint(32, 65, (32, 1))
        self.mask = steps & (torch.rand(32, 64) > 0.2)

    def forward(self, x):
        return self.layer(x, mask=self.mask)


def _separable():
    return nn.Sequential(nn.Conv2d(32, 32, 3, groups=32, bias=False), nn.Conv2d(32, 32, 1))


SEQUENCE, ROWS = (32, 64, 64), (128, 256)
CASES = {
    "Dense": case(lambda k: k.Dense(256), lambda: nn.Linear(256, 256), ROWS),
    "Dense, relu": case(
        lambda k: k.Dense(256, activation="relu"),
        lambda: nn.Sequential(nn.Linear(256, 256), nn.ReLU()),
        ROWS,
    ),
    "EinsumDense": case(
        lambda k: k.EinsumDense("abc,cde->abde", (None, 4, 16), bias_axes="de"), _Einsum, SEQUENCE
    ),
    "Embedding": case(
        lambda k: k.Embedding(1000, 64), lambda: nn.Embedding(1000, 64), (64, 64), high=1000
    ),
    "Conv1D": case(lambda k: k.Conv1D(64, 3), lambda: nn.Conv1d(64, 64, 3), SEQUENCE, images=True),
    "Conv2D": image(lambda k: k.Conv2D(32, 3), lambda: nn.Conv2d(32, 32, 3)),
    "Conv2D, same": image(
        lambda k: k.Conv2D(32, 3, padding="same"), lambda: nn.Conv2d(32, 32, 3, padding=1)
    ),
    "Conv2D, same, strides 2": image(
        lambda k: k.Conv2D(32, 3, strides=2, padding="same"),
        lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(32, 32, 3, 2)),
    ),
    "Conv3D": image(lambda k: k.Conv3D(8, 3), lambda: nn.Conv3d(8, 8, 3), (4, 10, 12, 12, 8)),
    "Conv2DTranspose": image(
        lambda k: k.Conv2DTranspose(32, 3), lambda: nn.ConvTranspose2d(32, 32, 3)
    ),
    "DepthwiseConv2D": image(
        lambda k: k.DepthwiseConv2D(3), lambda: nn.Conv2d(32, 32, 3, groups=32)
    ),
    "SeparableConv2D": image(lambda k: k.SeparableConv2D(32, 3), _separable),
    "MaxPooling1D": case(
        lambda k: k.MaxPooling1D(2), lambda: nn.MaxPool1d(2), SEQUENCE, images=True
    ),
    "MaxPooling2D": image(lambda k: k.MaxPooling2D(2), lambda: nn.MaxPool2d(2)),
    "AveragePooling2D": image(lambda k: k.AveragePooling2D(2), lambda: nn.AvgPool2d(2)),
    "GlobalAveragePooling2D": case(
        lambda k: k.GlobalAveragePooling2D(), function(lambda x: x.mean((1, 2))), (16, 28, 28, 32)
    ),
    "GlobalMaxPooling2D": case(
        lambda k: k.GlobalMaxPooling2D(), function(lambda x: x.amax((1, 2))), (16, 28, 28, 32)
    ),
    "UpSampling2D": image(
        lambda k: k.UpSampling2D(2), function(lambda x: F.interpolate(x, scale_factor=2.0))
    ),
    "UpSampling2D, bilinear": image(
        lambda k: k.UpSampling2D(2, interpolation="bilinear"),
        function(lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear")),
    ),
    "ZeroPadding2D": image(
        lambda k: k.ZeroPadding2D(1), function(lambda x: F.pad(x, (1, 1, 1, 1)))
    ),
    "Cropping2D": image(lambda k: k.Cropping2D(2), function(lambda x: x[:, :, 2:-2, 2:-2])),
    "Flatten": case(lambda k: k.Flatten(), lambda: nn.Flatten(), SEQUENCE),
    "Permute": case(lambda k: k.Permute((2, 1)), function(lambda x: x.permute(0, 2, 1)), SEQUENCE),
    "RepeatVector": case(
        lambda k: k.RepeatVector(8), function(lambda x: x.unsqueeze(1).repeat(1, 8, 1)), ROWS
    ),
    "BatchNormalization": case(
        lambda k: k.BatchNormalization(), lambda: nn.BatchNorm1d(256), (256, 256)
    ),
    "BatchNormalization, images": image(
        lambda k: k.BatchNormalization(), lambda: nn.BatchNorm2d(32)
    ),
    "LayerNormalization": case(
        lambda k: k.LayerNormalization(), lambda: nn.LayerNorm(64), SEQUENCE
    ),
    "GroupNormalization": image(lambda k: k.GroupNormalization(8), lambda: nn.GroupNorm(8, 32)),
    "UnitNormalization": case(
        lambda k: k.UnitNormalization(), function(lambda x: F.normalize(x, dim=-1)), SEQUENCE
    ),
    "Dropout": case(lambda k: k.Dropout(0.5), lambda: nn.Dropout(0.5), SEQUENCE),
    "SpatialDropout2D": image(lambda k: k.SpatialDropout2D(0.5), lambda: nn.Dropout2d(0.5)),
    "AlphaDropout": case(lambda k: k.AlphaDropout(0.5), lambda: nn.AlphaDropout(0.5), SEQUENCE),
    "GaussianNoise": case(
        lambda k: k.GaussianNoise(0.1), function(lambda x: x + 0.1 * torch.randn_like(x)), SEQUENCE
    ),
    "ReLU": case(lambda k: k.ReLU(), lambda: nn.ReLU(), SEQUENCE),
    "LeakyReLU": case(lambda k: k.LeakyReLU(), lambda: nn.LeakyReLU(0.3), SEQUENCE),
    "ELU": case(lambda k: k.ELU(), lambda: nn.ELU(), SEQUENCE),
    "PReLU": image(lambda k: k.PReLU(shared_axes=[1, 2]), lambda: nn.PReLU(32)),
    "Softmax": case(lambda k: k.Softmax(), lambda: nn.Softmax(-1), SEQUENCE),
    "Activation, gelu": case(lambda k: k.Activation("gelu"), lambda: nn.GELU(), SEQUENCE),
    "Activation, selu": case(lambda k: k.Activation("selu"), lambda: nn.SELU(), SEQUENCE),
    "SimpleRNN": case(
        lambda k: k.SimpleRNN(64, return_sequences=True),
        first(lambda: nn.RNN(64, 64, batch_first=True)),
        SEQUENCE,
    ),
    "LSTM": case(
        lambda k: k.LSTM(64, return_sequences=True),
        first(lambda: nn.LSTM(64, 64, batch_first=True)),
        SEQUENCE,
    ),
    "GRU": case(
        lambda k: k.GRU(64, return_sequences=True),
        first(lambda: nn.GRU(64, 64, batch_first=True)),
        SEQUENCE,
    ),
    "Bidirectional, LSTM": case(
        lambda k: k.Bidirectional(k.LSTM(64, return_sequences=True)),
        first(lambda: nn.LSTM(64, 64, batch_first=True, bidirectional=True)),
        SEQUENCE,
    ),
    "SimpleRNN, masked": case(
        lambda k: _Masked(k.SimpleRNN(64, return_sequences=True)),
        first(lambda: nn.RNN(64, 64, batch_first=True)),
        SEQUENCE,
    ),
    "LSTM, masked": case(
        lambda k: _Masked(k.LSTM(64, return_sequences=True)),
        first(lambda: nn.LSTM(64, 64, batch_first=True)),
        SEQUENCE,
    ),
    "GRU, masked": case(
        lambda k: _Masked(k.GRU(64, return_sequences=True)),
        first(lambda: nn.GRU(64, 64, batch_first=True)),
        SEQUENCE,
    ),
    "Bidirectional, LSTM, masked": case(
        lambda k: _Masked(k.Bidirectional(k.LSTM(64, return_sequences=True))),
        first(lambda: nn.LSTM(64, 64, batch_first=True, bidirectional=True)),
        SEQUENCE,
    ),
    "TimeDistributed, Dense": case(
        lambda k: k.TimeDistributed(k.Dense(64)), lambda: nn.Linear(64, 64), SEQUENCE
    ),
    "Attention": case(
        lambda k: k.Attention(),
        function(lambda q, v: F.scaled_dot_product_attention(q, v, v, scale=1.0)),
        SEQUENCE,
        SEQUENCE,
    ),
    "MultiHeadAttention": case(
        lambda k: k.MultiHeadAttention(4, 16), _MultiHead, SEQUENCE, SEQUENCE
    ),
    "Add": case(lambda k: k.Add(), function(lambda a, b: a + b), SEQUENCE, SEQUENCE),
    "Multiply": case(lambda k: k.Multiply(), function(lambda a, b: a * b), SEQUENCE, SEQUENCE),
    "Maximum": case(lambda k: k.Maximum(), function(torch.maximum), SEQUENCE, SEQUENCE),
    "Concatenate": case(
        lambda k: k.Concatenate(), function(lambda *x: torch.cat(x, -1)), SEQUENCE, SEQUENCE
    ),
    "Dot": case(lambda k: k.Dot(axes=2), function(lambda a, b: a @ b.mT), SEQUENCE, SEQUENCE),
    "Rescaling": case(lambda k: k.Rescaling(2.0, 1.0), function(lambda x: x * 2.0 + 1.0), SEQUENCE),
    "Resizing": image(
        lambda k: k.Resizing(20, 40),
        function(lambda x: F.interpolate(x, (20, 40), mode="bilinear")),
    ),
}


class Contender:
    """A callable with inputs of its own; `step` runs it forward and backward."""

    def __init__(self, call, inputs, together):
        self.call, self.inputs, self.together = call, inputs, together
        self.gradient = torch.ones_like(self.forward())
        self.wanted = [t for t in inputs if t.is_floating_point()]
        self.wanted += [p for p in getattr(call, "parameters", list)() if p.requires_grad]

    def forward(self):
        return self.call(self.inputs) if self.together else self.call(*self.inputs)

    def step(self):
        torch.autograd.grad(self.forward(), self.wanted, self.gradient)


def contenders(one: Case, layers: Any) -> list[Contender]:
    """The layer and the plain call."""
    torch.manual_seed(0)
    inputs = [
        torch.randn(s) if one.high is None else torch.randint(0, one.high, s) for s in one.shapes
    ]
    theirs = [t.movedim(-1, 1) for t in inputs] if one.images else inputs
    ready = [
        [t.detach().requires_grad_(one.high is None) for t in some] for some in (inputs, theirs)
    ]
    layer, plain = one.layer(layers), one.plain()
    if isinstance(layer, layers.MultiHeadAttention):
        layer(*ready[0])
        ours = Contender(layer, ready[0], False)
    else:
        several = len(inputs) > 1
        argument = ready[0] if several else ready[0][0]
        layer(argument)
        layer.train()
        ours = Contender(layer, ready[0], several)
    if isinstance(plain, nn.Module) and one.images:
        plain = plain.to(memory_format=torch.channels_last) if inputs[0].ndim == 4 else plain
    return [ours, Contender(plain, ready[1], False)]


def measure(one: Case, layers: Any, rounds: int, clock: Callable[[], float]) -> list[float]:
    """Milliseconds of the layer and of the plain call, and the median ratio within a round."""
    both = contenders(one, layers)
    for contender in both:
        contender.step()
    start = clock()
    both[1].step()
    repeats = max(3, min(200, int(0.02 / max(clock() - start, 1e-6))))
    times = []
    for _ in range(rounds):
        found = []
        for contender in both:
            start = clock()
            for _ in range(repeats):
                contender.step()
            found.append((clock() - start) / repeats)
        times.append(found)
    ours, theirs = (median(column) * 1e3 for column in zip(*times, strict=True))
    return [ours, theirs, median(a / b for a, b in times)]


def measure_all(names, layers, rounds, clock):
    found = {}
    for name in names:
        found[name] = measure(CASES[name], layers, rounds, clock)
        print(f"{name:28} {found[name][0]:8.3f} {found[name][2]:5.2f}", file=sys.stderr, flush=True)
    return found


def keras_ratios(names, rounds):
    """The ratios of Keras 3 on torch, or an empty dict where it is not installed."""
    command = [sys.executable, __file__, *names, "--rounds", str(rounds), "--as-keras"]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-500:], file=sys.stderr)
        return {}
    return json.loads(done.stdout.splitlines()[-1])


NOTES = """What is above 1.1, and why: a call of a layer costs some microseconds more than one of a
function, which shows where the work is small (`Permute`). Poolings turn the axes of inputs and
results, two views with a backward pass each. `BatchNormalization` of rows keeps the biased
variance, as tf.keras does and torch's kernel does not: two more kernels over the statistics. selu
has the slope of tf.keras at 0, which torch's kernel has not: a pass more. Masked recurrent layers
are held against torch's without a mask."""


def page(found, keras, rounds) -> str:
    """The table with how it was made."""
    lines = [
        "# Time per layer",
        "",
        f"Written by `python benchmarks/layers.py`: forward and backward, torch "
        f"{torch.__version__}, Python {platform.python_version()}, {torch.get_num_threads()} CPU "
        f"threads, medians of {rounds} rounds. The ratio is the layer over the plain torch call "
        "that it adapts; the last column is that of Keras 3 on torch.",
        "",
        NOTES,
        "",
        "| layer | torchkeras, ms | torch, ms | ratio | Keras 3, ratio |",
        "|---|---|---|---|---|",
    ]
    for name, (ours, theirs, ratio) in found.items():
        other = f"{keras[name][2]:.2f}" if name in keras else ""
        lines.append(f"| {name} | {ours:.3f} | {theirs:.3f} | {ratio:.2f} | {other} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of cases; all without")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--keras", action="store_true", help="also ask Keras 3 on torch")
    parser.add_argument("--as-keras", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    names = options.names or list(CASES)
    clock = time.perf_counter if options.clock == "wall" else time.process_time
    if options.as_keras:
        from keras import layers
    else:
        from torchkeras import layers
        from torchkeras.allocator import keep_freed_memory

        keep_freed_memory()  # as `fit` does, for both sides
    found = measure_all(names, layers, options.rounds, clock)
    if options.as_keras:
        print(json.dumps(found))
        return
    text = page(found, keras_ratios(names, options.rounds) if options.keras else {}, options.rounds)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
