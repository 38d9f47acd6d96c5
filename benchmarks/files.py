"""Saving and loading a ResNet50's weights in each format, beside torch and tf.keras.

    python benchmarks/files.py [--folder FOLDER] [--rounds 5] [--keras] [--write docs/files.md]

The sides take turns, the medians are printed. Every save of torchkeras ends with fsync, as a
checkpoint must; `torch.save` is timed with and without one. `--keras` asks tf_keras too, in a
process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import torchkeras  # noqa: E402
from compat_tests.parts import write_part  # noqa: E402


def resnet50_sized(keras: Any = torchkeras) -> Any:
    """25.6 million weights in as many arrays as ResNet50 has, without its wiring."""
    layers = keras.layers
    x = y = layers.Input((1, 1, 64))
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for _ in range(blocks):
            for filters, size in ((width, 1), (width, 3), (4 * width, 1)):
                y = layers.Conv2D(filters, size, padding="same")(y)
                y = layers.BatchNormalization()(y)
        y = layers.Conv2D(4 * width, 1)(y)
    y = layers.Dense(1000)(layers.GlobalAveragePooling2D()(y))
    return keras.Model(x, y)


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
        found[f"torchkeras, {ending}"] = (
            lambda path=path: model.save_weights(path),
            lambda path=path: model.load_weights(path),
        )
    path = folder / "model.keras"
    found["torchkeras, .keras"] = (
        lambda: model.save(path),
        lambda: model.load_weights(path),
    )
    return found


def sides_of_keras(folder: Path) -> dict[str, tuple[Callable, Callable]]:
    """The same for tf_keras."""
    import tf_keras

    model = resnet50_sized(tf_keras)
    found = {}
    for ending in (".weights.h5", ".h5", ".keras"):
        path = str(folder / f"keras{ending}")
        save = model.save if ending == ".keras" else model.save_weights
        found[f"tf.keras, {ending}"] = (
            lambda path=path, save=save: save(path),
            lambda path=path: model.load_weights(path),
        )
    return found


def measure(found: dict[str, tuple[Callable, Callable]], rounds: int) -> dict[str, list[float]]:
    """Median seconds of saving and loading, by side."""
    times: dict[str, tuple[list, list]] = {name: ([], []) for name in found}
    for turn in range(rounds + 1):  # the first turn warms up
        for name, (save, load) in found.items():
            for act, noted in zip((save, load), times[name], strict=True):
                start = time.perf_counter()
                act()
                if turn:
                    noted.append(time.perf_counter() - start)
    return {name: [statistics.median(both) for both in pair] for name, pair in times.items()}


def measure_keras(folder: Path, rounds: int) -> dict[str, list[float]]:
    """What a process with tf_keras measures."""
    command = [sys.executable, __file__, "--folder", str(folder), "--rounds", str(rounds)]
    printed = subprocess.run(
        [*command, "--as-keras"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return json.loads(printed.stdout.splitlines()[-1])


def page(found: dict[str, list[float]], rounds: int) -> str:
    """The table; ratios are to torch's own."""
    base = found["torch.save / torch.load"]
    lines = [
        f"102 MB of weights in 320 arrays, as ResNet50 has them; Python {platform.python_version()}"
        f", torch {torch.__version__}, {torch.get_num_threads()} CPU threads, medians of {rounds} "
        "rounds, all in\nturn. Written by `benchmarks/files.py`.\n\n"
        "| | save, s | load, s | to torch.save | to torch.load |\n"
        "|---|---:|---:|---:|---:|\n"
    ]
    for name, (save, load) in found.items():
        lines.append(
            f"| {name} | {save:.3f} | {load:.3f} | {save / base[0]:.2f} | {load / base[1]:.2f} |\n"
        )
    return "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", help="where the files go, on the disk to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keras", action="store_true", help="beside tf_keras")
    parser.add_argument("--as-keras", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help="put the table into this page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        if given.as_keras:
            print(json.dumps(measure(sides_of_keras(folder), given.rounds)))
            return
        found = measure(sides(resnet50_sized(), folder), given.rounds)
        if given.keras:
            found |= measure_keras(folder, given.rounds)
    text = page(found, given.rounds)
    print(text)
    if given.write:
        write_part(given.write, "speeds", text)


if __name__ == "__main__":
    main()
