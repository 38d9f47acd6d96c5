"""Milliseconds per training step and per predicted batch, beside a hand-written torch loop.

    python benchmarks/steps.py [--cases mlp cnn] [--rounds 7] [--write docs/benchmarks.md]

All contenders run in this process, in turn, round after round; the table holds medians over the
rounds and medians of the ratios within a round. The torch loop is a careful person's: data on
the device, fused Adam, gradients set to None, channels_last images, loss and accuracy summed on
the device.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from models import CASES
from torch.nn import functional as F

import torchkeras


class ByHand:
    """Training and prediction as one would write them with torch alone."""

    def __init__(self, case, x, y, device):
        self.net = case.torch().to(device)
        self.x, self.y = torch.tensor(x, device=device), torch.tensor(y, device=device)
        if self.x.ndim == 4:
            self.x = self.x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        self.batch = case.batch
        self.optimizer = torch.optim.Adam(self.net.parameters(), fused=True)

    def train(self):
        self.net.train()
        order = torch.randperm(len(self.x), device=self.x.device)
        total, right = torch.zeros((), device=self.x.device), torch.zeros((), device=self.x.device)
        for start in range(0, len(self.x), self.batch):
            index = order[start : start + self.batch]
            x, y = self.x[index], self.y[index]
            self.optimizer.zero_grad(set_to_none=True)
            outputs = self.net(x)
            loss = F.cross_entropy(outputs, y)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(x)
            right += (outputs.argmax(-1) == y).sum()
        return float(total) / len(self.x), float(right) / len(self.x)

    def predict(self):
        self.net.eval()
        with torch.inference_mode():
            batches = self.x.split(self.batch)
            return torch.cat([self.net(x).softmax(-1) for x in batches]).cpu().numpy()


class ByKeras:
    """Training and prediction by `fit` and `predict`."""

    def __init__(self, case, x, y, device):
        with torch.device(device):
            self.model = case.keras(torchkeras)
            self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        self.x, self.y, self.batch = x, y, case.batch

    def train(self):
        self.model.fit(self.x, self.y, batch_size=self.batch, verbose=0)

    def predict(self):
        return self.model.predict(self.x, batch_size=self.batch, verbose=0)


def measure(case, rounds, device):
    """Rows of seconds per step: `{"train": [(ours, theirs), ...], "predict": ...}`."""
    rng = np.random.default_rng(0)
    steps = 30
    x = case.data(rng, case.batch * steps)
    y = rng.integers(0, 10 if case.batch != 32 else 3, size=len(x))
    ours, theirs = ByKeras(case, x, y, device), ByHand(case, x, y, device)
    found = {"train": [], "predict": []}
    for what, times in found.items():
        for run in (ours, theirs):
            getattr(run, what)()  # warm
        for _ in range(rounds):
            times.append(tuple(_seconds(getattr(run, what)) / steps for run in (ours, theirs)))
    return found


def _seconds(run):
    start = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def table(results) -> str:
    """The results in Markdown."""
    lines = ["| network | torchkeras, ms | torch by hand, ms | ratio |", "|---|---|---|---|"]
    for (name, what), times in results.items():
        ours, theirs = (median(row[i] for row in times) * 1000 for i in (0, 1))
        ratio = median(a / b for a, b in times)
        lines.append(f"| {name}, {what} | {ours:.3f} | {theirs:.3f} | {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--write", type=Path, help="put the table into this file")
    options = parser.parse_args()
    results = {}
    for name in options.cases:
        for what, times in measure(CASES[name], options.rounds, options.device).items():
            results[name, what] = times
    processor = (
        torch.cuda.get_device_name()
        if options.device == "cuda"
        else f"{torch.get_num_threads()} CPU threads"
    )
    text = (
        f"# Time per step\n\nWritten by `python benchmarks/steps.py`: torch {torch.__version__}, "
        f"Python {platform.python_version()}, {processor}, medians of {options.rounds} rounds. "
        "The ratio is torchkeras over torch by hand: below 1 torchkeras is faster.\n\n"
        f"{table(results)}\n"
    )
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
