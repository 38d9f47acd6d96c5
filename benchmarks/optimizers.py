"""One step of each optimizer beside torch's own of the same kind, and beside Keras 3 on torch.

    python benchmarks/optimizers.py [NAME ...] [--rounds 15] [--keras] [--calls] [--write FILE]

The parameters are those of ResNet50 (25.6 million numbers in 161 tensors, listed by a formula) and
of a perceptron of 4 layers. Both step in this process in turn, on the same gradients; the table
holds medians of the ratios within a round. `--keras` asks Keras 3, in a process of its own, for its
ratio to the same torch optimizers. `--calls` counts Python calls of a step, which no load disturbs.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from torchkeras.allocator import keep_freed_memory


def resnet50() -> list[tuple[int, ...]]:
    """The shapes of ResNet50's parameters, by the formula of its stages."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    inside = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            convolutions = [(width, inside, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)]
            if block == 0:
                convolutions.append((4 * width, inside, 1, 1))
            for shape in convolutions:
                shapes += [shape, shape[:1], shape[:1]]  # with gamma and beta
            inside = 4 * width
    return [*shapes, (1000, inside), (1000,)]


def perceptron() -> list[tuple[int, ...]]:
    sizes = (784, 256, 256, 256, 10)
    return [shape for a, b in zip(sizes, sizes[1:], strict=False) for shape in ((b, a), (b,))]


MODELS = {"resnet50": resnet50, "perceptron": perceptron}
OPTIMIZERS = {  # name: our settings, torch's name and settings
    "SGD": ({}, "SGD", {}),
    "SGD momentum": ({"momentum": 0.9}, "SGD", {"momentum": 0.9, "fused": True}),
    "RMSprop": ({}, "RMSprop", {"foreach": True}),
    "Adagrad": ({}, "Adagrad", {"fused": True}),
    "Adadelta": ({}, "Adadelta", {"foreach": True}),
    "Adam": ({}, "Adam", {"fused": True}),
    "AdamW": ({}, "AdamW", {"fused": True}),
    "Adamax": ({}, "Adamax", {"foreach": True}),
    "Nadam": ({}, "NAdam", {"foreach": True}),
    "Adam clipnorm": ({"global_clipnorm": 1.0}, "Adam", {"fused": True}),
}


def parameters(shapes) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    made = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in shapes]
    for parameter in made:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    return made


def torch_step(name: str, shapes) -> Callable[[], None]:
    """A step of torch's optimizer, with its own clipping where ours clips."""
    settings, theirs, options = OPTIMIZERS[name]
    params = parameters(shapes)
    optimizer = getattr(torch.optim, theirs)(params, **options)
    if "global_clipnorm" not in settings:
        return optimizer.step

    def clipped():
        torch.nn.utils.clip_grad_norm_(params, settings["global_clipnorm"], foreach=True)
        optimizer.step()

    return clipped


def our_step(name: str, shapes) -> Callable[[], None]:
    from torchkeras import optimizers

    optimizer = getattr(optimizers, name.split()[0])(**OPTIMIZERS[name][0])
    optimizer.build(parameters(shapes))
    optimizer._spare = True  # as in `fit`, which forgets the gradients after a step
    return optimizer.step


def keras_step(name: str, shapes) -> Callable[[], None]:
    import keras

    optimizer = getattr(keras.optimizers, name.split()[0])(**OPTIMIZERS[name][0])
    params = parameters(shapes)
    variables = [keras.Variable(p.detach()) for p in params]
    optimizer.build(variables)
    grads = [p.grad for p in params]

    def step():
        with torch.no_grad():
            optimizer.apply(grads, variables)

    return step


def ratio(mine: Callable, plain: Callable, rounds: int) -> tuple[float, float]:
    """The median of the ratios of both in one round, and the seconds of torch's step."""
    for step in (mine, plain, mine, plain):
        step()
    repeats = max(1, int(0.02 / max(_seconds(plain, 3), 1e-6)))
    ratios, seconds = [], []
    for number in range(rounds):
        pair = (mine, plain) if number % 2 else (plain, mine)
        times = {step: _seconds(step, repeats) for step in pair}
        ratios.append(times[mine] / times[plain])
        seconds.append(times[plain])
    return median(ratios), median(seconds)


def _seconds(step, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats


def calls(step: Callable) -> int:
    """How many Python functions a step calls, those of torch included."""
    step()
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(None)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=", ".join(OPTIMIZERS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--keras", action="store_true")
    parser.add_argument("--calls", action="store_true")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only-keras", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    chosen = [n for n in OPTIMIZERS if not options.names or n in options.names]
    if options.only_keras:
        for model, shapes in MODELS.items():
            for name in chosen:
                found, _ = ratio(
                    keras_step(name, shapes()), torch_step(name, shapes()), options.rounds
                )
                print(f"{model}\t{name}\t{found}", flush=True)
        return
    keep_freed_memory()  # as `fit` does, for both sides
    theirs = _asked(options) if options.keras else {}
    lines = ["| model | optimizer | torch, ms | ratio | Keras 3, ratio |"]
    lines.append("|---|---|---:|---:|---:|")
    if options.calls:
        lines = [lines[0] + " calls |", lines[1] + "---:|"]
    print(*lines, sep="\n")
    for model, shapes in MODELS.items():
        for name in chosen:
            mine, plain = our_step(name, shapes()), torch_step(name, shapes())
            found, seconds = ratio(mine, plain, options.rounds)
            keras = theirs.get((model, name))
            line = f"| {model} | {name} | {seconds * 1e3:.2f} | {found:.2f} | "
            line += f"{keras:.2f} |" if keras else "|"
            line += f" {calls(mine)} / {calls(plain)} |" if options.calls else ""
            lines.append(line)
            print(line, flush=True)
    if options.write:
        options.write.write_text(page(lines, options), encoding="utf-8")


def page(lines, options) -> str:
    """The table with how it was made."""
    told = [
        "# Time per step of an optimizer",
        "",
        f"Written by `python benchmarks/optimizers.py`: torch {torch.__version__}, Python "
        f"{platform.python_version()}, {torch.get_num_threads()} CPU threads, medians of "
        f"{options.rounds} rounds. One step over the parameters of ResNet50 and of a perceptron of "
        "4 layers. The ratio is torchkeras over torch's own optimizer of the same kind, on its "
        "fused or foreach kernels; the last column is that of Keras 3 on torch.",
        "",
    ]
    return "\n".join(told + lines) + "\n"


def _asked(options):
    """Keras 3's ratios, from a process that knows nothing of torchkeras."""
    command = [sys.executable, __file__, *options.names, "--only-keras"]
    process = subprocess.run(
        [*command, "--rounds", str(options.rounds)],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = (line.split("\t") for line in process.stdout.splitlines() if line.count("\t") == 2)
    return {(model, name): float(found) for model, name, found in rows}


if __name__ == "__main__":
    main()
