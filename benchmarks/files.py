"""Saving and loading a ResNet50's weights in each format, beside `torch.save` and `torch.load`.

`python benchmarks/files.py [FOLDER]`: the sides take turns, the medians are printed. Every save of
torchkeras ends with fsync, as a checkpoint must; `torch.save` is timed with and without one.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import torchkeras
from torchkeras import layers

ROUNDS = 5


def resnet50_sized() -> torchkeras.Model:
    """25.6 million weights in as many arrays as ResNet50 has, without its wiring."""
    x = y = layers.Input((1, 1, 64))
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for _ in range(blocks):
            for filters, size in ((width, 1), (width, 3), (4 * width, 1)):
                y = layers.Conv2D(filters, size, padding="same")(y)
                y = layers.BatchNormalization()(y)
        y = layers.Conv2D(4 * width, 1)(y)
    y = layers.Dense(1000)(layers.GlobalAveragePooling2D()(y))
    return torchkeras.Model(x, y)


def sides(model: torchkeras.Model, folder: Path) -> dict[str, tuple[Callable, Callable]]:
    """Name -> how it saves and how it loads."""
    state, plain = model.state_dict(), folder / "plain.pt"

    def torch_save():
        torch.save(state, plain)

    def torch_save_to_disk():
        with open(plain, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())

    def torch_load():
        model.load_state_dict(torch.load(plain, weights_only=True))

    found = {
        "torch.save / torch.load": (torch_save, torch_load),
        "torch.save and fsync": (torch_save_to_disk, torch_load),
    }
    for ending in (".weights.h5", ".h5", ".safetensors", ".pt"):
        path = folder / f"weights{ending}"
        found[f"save_weights {ending}"] = (
            lambda path=path: model.save_weights(path),
            lambda path=path: model.load_weights(path),
        )
    path = folder / "model.keras"
    found["save .keras"] = (
        lambda: model.save(path),
        lambda: model.load_weights(path),
    )
    return found


def measure(folder: Path) -> dict[str, tuple[float, float]]:
    """Median seconds of saving and loading, by side."""
    model = resnet50_sized()
    found = sides(model, folder)
    times: dict[str, tuple[list, list]] = {name: ([], []) for name in found}
    for turn in range(ROUNDS + 1):  # the first turn warms up
        for name, (save, load) in found.items():
            for act, noted in zip((save, load), times[name], strict=True):
                start = time.perf_counter()
                act()
                if turn:
                    noted.append(time.perf_counter() - start)
    return {name: tuple(map(statistics.median, both)) for name, both in times.items()}


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as folder:
        found = measure(Path(folder))
    base = found["torch.save / torch.load"]
    print(f"{'':28}{'save s':>10}{'load s':>10}{'save x':>10}{'load x':>10}")
    for name, (save, load) in found.items():
        print(f"{name:28}{save:10.3f}{load:10.3f}{save / base[0]:10.2f}{load / base[1]:10.2f}")


if __name__ == "__main__":
    main()
