"""How a step grows: with the batch, with the data set, with a file of 10 GB; and the first step.

    python benchmarks/scaling.py [--rounds 5] [--cases mlp cnn] [--write docs/benchmarks-scaling.md]

Each part runs in a process of its own. A step by size is the median over rounds in which all sizes
have their turn. The first step is that of a fresh process, over the median of steps 5 to 10 of the
same run, beside that of the loop by hand of `workloads.py`. The file is a sparse one: rows that
nobody wrote are zeros and take no disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from workloads import WORKLOADS

BATCHES = (32, 64, 128, 256, 512, 1024, 2048)
SAMPLES = (2_000, 20_000, 200_000, 2_000_000)
STEPS = 10  # in a run for the first step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part, *rest = options.part
        return print(json.dumps(PARTS[part](options.rounds, *rest)))
    text = page(options)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


def page(options) -> str:
    """All tables; each is printed as it is ready."""
    import torch

    parts = [
        "# How a step grows\n",
        f"Written by `python benchmarks/scaling.py` with torch {torch.__version__}, Python "
        f"{platform.python_version()}; {torch.get_num_threads()} CPU threads, medians of "
        f"{options.rounds} rounds.\n",
        "## With the batch\n",
        "The mlp of [benchmarks.md](benchmarks.md): 784-512-512-10.\n",
        table("batch | ms per step | µs per sample", ask("batch", options)),
        "## With the data set\n",
        "The smallest network (8-16-16-1, batches of 128) on a shuffled array; an epoch has as "
        "many steps as the samples give.\n",
        table("samples | steps | µs per step", ask("samples", options)),
        "## A file of 10 GB\n",
        "A memory map of 2,621,440 rows of 1,024 floats, shuffled; 300 steps of 128 rows with a "
        "layer of 64 units. Megabytes of the process: its own, and pages of the file, which the "
        "system takes back when it needs them.\n",
        table("| before | after 300 steps", ask("file", options)),
        "## The first step\n",
        "Milliseconds of the first step of `fit` in a fresh process, and how many of them later "
        "steps do not take. By hand is the same for a loop with torch alone.\n",
        table("| first | above later ones | by hand: first | above", firsts(options)),
    ]
    return "\n".join(parts)


def ask(part, options, *rest):
    """The rows of a part, from a process of its own."""
    command = [sys.executable, __file__, "--rounds", str(options.rounds), "--part", part, *rest]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(head, rows) -> str:
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|---" * columns + "|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    text = "\n".join(lines) + "\n"
    print(text, flush=True)
    return text


def compiled(case):
    import torchkeras

    work = WORKLOADS[case]
    model = work.keras(torchkeras)
    loss = "binary_crossentropy" if work.classes == 1 else "sparse_categorical_crossentropy"
    model.compile("adam", loss, metrics=["accuracy"])
    return work, model


def by_batch(rounds):
    work, model = compiled("mlp")
    rng = np.random.default_rng(0)
    x, y = work.data(rng, 8192), work.labels(rng, 8192)

    def seconds(batch):
        steps = min(8192 // batch, 40)
        begun = time.perf_counter()
        model.fit(x[: steps * batch], y[: steps * batch], batch_size=batch, verbose=0)
        return (time.perf_counter() - begun) / steps

    found = in_turn(BATCHES, seconds, rounds)
    return [(b, f"{t * 1e3:.2f}", f"{t / b * 1e6:.1f}") for b, t in found.items()]


def by_samples(rounds):
    work, model = compiled("tiny")
    rng = np.random.default_rng(0)
    data = {n: (work.data(rng, n), work.labels(rng, n)) for n in SAMPLES}

    def seconds(samples):
        begun = time.perf_counter()
        model.fit(*data[samples], batch_size=128, verbose=0)
        return (time.perf_counter() - begun) / -(-samples // 128)

    found = in_turn(SAMPLES, seconds, rounds)
    return [(f"{n:,}", f"{-(-n // 128):,}", f"{t * 1e6:.0f}") for n, t in found.items()]


def in_turn(sizes, seconds, rounds):
    """The median over rounds for each size, after a round to warm up."""
    times = {size: [] for size in sizes}
    for number in range(rounds + 1):
        for size in sizes:
            taken = seconds(size)
            if number:
                times[size].append(taken)
    return {size: median(found) for size, found in times.items()}


def by_file(rounds):
    import torchkeras
    from torchkeras import layers

    rows, columns = 2_621_440, 1024
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.bin")
        with open(path, "wb") as file:
            file.truncate(rows * columns * 4)
        x, y = np.memmap(path, "float32", "r", shape=(rows, columns)), np.zeros((rows, 1), "f4")
        model = torchkeras.Sequential(
            [torchkeras.Input((columns,)), layers.Dense(64, activation="relu"), layers.Dense(1)]
        )
        model.compile("adam", "mse")
        model.fit(np.zeros((256, columns), "f4"), y[:256], verbose=0)
        before = resident()
        model.fit(x, y, batch_size=128, steps_per_epoch=300, verbose=0)
        after = resident()
    return [(kind, f"{before[kind]:.0f}", f"{after[kind]:.0f}") for kind in before]


def resident():
    """Megabytes in memory, by what they hold."""
    status = Path("/proc/self/status").read_text().splitlines()
    found = {line.partition(":")[0]: int(line.split()[1]) / 1024 for line in status if "kB" in line}
    return {"own": found["RssAnon"], "files": found["RssFile"]}


def firsts(options):
    rows = []
    for case in options.cases:
        runs = [(ask("fit", options, case), ask("hand", options, case)) for _ in range(3)]
        row = [case]
        for side in zip(*runs, strict=True):
            first = median(times[0] for times in side)
            extra = median(times[0] - median(times[4:]) for times in side)
            row += [f"{first * 1e3:.1f}", f"{extra * 1e3:.1f}"]
        rows.append(row)
    return rows


def first_of_fit(rounds, case):
    import torchkeras

    times = []

    class Watch(torchkeras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            times.append(-time.perf_counter())

        def on_train_batch_end(self, batch, logs=None):
            times[-1] += time.perf_counter()

    work, model = compiled(case)
    rng, samples = np.random.default_rng(0), work.batch * STEPS
    x, y = work.data(rng, samples), work.labels(rng, samples)
    model.fit(x, y, batch_size=work.batch, verbose=0, callbacks=[Watch()])
    return times


def first_by_hand(rounds, case):
    import torch
    import torch.nn.functional as F

    work, rng = WORKLOADS[case], np.random.default_rng(0)
    x, y = work.data(rng, work.batch * STEPS), work.labels(rng, work.batch * STEPS)
    net = work.torch().train()
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    x = [work.by_hand(torch.tensor(part)) for part in (x if isinstance(x, list) else [x])]
    y, times = torch.tensor(y), []
    loss_of = F.binary_cross_entropy_with_logits if work.classes == 1 else F.cross_entropy
    for *batch, labels in zip(*(part.split(work.batch) for part in (*x, y)), strict=True):
        begun = time.perf_counter()
        optimizer.zero_grad()
        loss_of(net(*batch), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - begun)
    return times


PARTS = {
    "batch": by_batch,
    "samples": by_samples,
    "file": by_file,
    "fit": first_of_fit,
    "hand": first_by_hand,
}


if __name__ == "__main__":
    main()
