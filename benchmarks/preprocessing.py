"""Preparing images and texts, beside tf.keras.

    python benchmarks/preprocessing.py [CASE ...] [--rounds 5] [--threads 2] [--write FILE]

Both run in this process in turn on the same data, round after round; the table holds what each
does in a second, and the medians of the ratios within a round. Needs tf_keras or tf.keras.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import torch

import torchkeras


class Case(NamedTuple):
    """`prepare(keras)` makes the work of one round; it treats `count` of `unit`."""

    prepare: Callable[[Any], Callable[[], Any]]
    count: int
    unit: str
    goal: float  # how many times tf.keras' speed is aimed at


def images(size: int, batches: int):
    """Batches of 32 images, rotated, shifted, zoomed and flipped."""

    def prepare(keras):
        x = np.random.default_rng(0).integers(0, 256, (64, size, size, 3)).astype("float32")
        generator = keras.preprocessing.image.ImageDataGenerator(
            rotation_range=20,
            width_shift_range=0.1,
            height_shift_range=0.1,
            zoom_range=0.2,
            horizontal_flip=True,
        )
        flow = generator.flow(x, np.arange(64), batch_size=32, seed=1)
        return lambda: [next(flow) for _ in range(batches)]

    return Case(prepare, 32 * batches, "images", 10)


def texts(count: int = 50_000) -> list[str]:
    """Texts of 10 to 60 words; a word's frequency falls with its rank."""
    random = np.random.default_rng(0)
    words = np.array([f"w{number}" for number in range(30_000)])
    ranks = np.minimum(random.zipf(1.2, 35 * count), len(words)) - 1
    lengths = random.integers(10, 61, count)
    ends = np.minimum(lengths.cumsum(), len(ranks))
    marks = (" ", " ", " ", ", ", ". ")
    return [
        marks[number % 5].join(words[ranks[end - length : end]])
        for number, (length, end) in enumerate(zip(lengths, ends, strict=True))
    ]


def tokenizer():
    """Counting the words of the texts, then turning the texts into numbers."""
    made = texts()

    def prepare(keras):
        def run():
            tokenizer = keras.preprocessing.text.Tokenizer(num_words=20_000)
            tokenizer.fit_on_texts(made)
            return tokenizer.texts_to_sequences(made)

        return run

    return Case(prepare, len(made), "texts", 3)


def vectorization(adapting: bool):
    """Learning a vocabulary from batches of texts, or using it."""
    made = np.array(texts(10_000), dtype=object)

    def prepare(keras):
        layer = keras.layers.TextVectorization(max_tokens=20_000, output_sequence_length=60)
        batches = [made[start : start + 500] for start in range(0, len(made), 500)]
        if adapting:
            return lambda: layer.adapt(made, batch_size=500)
        layer.adapt(made, batch_size=500)
        if keras is not torchkeras:
            import tensorflow

            batches = [tensorflow.constant(batch.tolist()) for batch in batches]
        return lambda: [layer(batch) for batch in batches]

    return Case(prepare, len(made), "texts", 1)


CASES = {
    "ImageDataGenerator, 32 x 32": lambda: images(32, 40),
    "ImageDataGenerator, 224 x 224": lambda: images(224, 2),
    "Tokenizer, fit and sequences": tokenizer,
    "TextVectorization, adapt": lambda: vectorization(True),
    "TextVectorization, call": lambda: vectorization(False),
}


def measure(case: Case, keras: Any, rounds: int) -> list[tuple[float, float]]:
    """Seconds of each round: ours, theirs."""
    runs = [case.prepare(module) for module in (torchkeras, keras)]
    for run in runs:
        run()
    return [tuple(_seconds(run) for run in runs) for _ in range(rounds)]


def _seconds(run):
    gc.collect()  # what the other left behind is not this one's work
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def table(results: dict[str, tuple[Case, list]]) -> str:
    """The results in Markdown."""
    lines = ["| work | torchkeras | tf.keras | times as fast | goal |", "|---|---|---|---|---|"]
    for name, (case, times) in results.items():
        ours, theirs = (case.count / median(row[i] for row in times) for i in (0, 1))
        faster = median(b / a for a, b in times)
        lines.append(
            f"| {name} | {ours:,.0f} {case.unit}/s | {theirs:,.0f} {case.unit}/s | {faster:.1f} | "
            f"{case.goal:g} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help="parts of the names of cases; all by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--write", type=Path, help="put the table into this file")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf_keras as keras
    wanted = [n for n in CASES if not options.cases or any(part in n for part in options.cases)]
    results = {}
    for name in wanted:
        case = CASES[name]()
        results[name] = case, measure(case, keras, options.rounds)
    text = (
        f"# Preparing data\n\nWritten by `python benchmarks/preprocessing.py`: torch "
        f"{torch.__version__}, tf_keras {keras.__version__}, Python {platform.python_version()}, "
        f"{options.threads} CPU threads, medians of {options.rounds} rounds in which both run in "
        f"turn.\n\n{table(results)}\n"
    )
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
