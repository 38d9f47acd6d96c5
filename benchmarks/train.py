"""Milliseconds per training step and per predicted batch, beside the other ways to train.

    python benchmarks/train.py [--cases mlp cnn] [--rounds 7] [--write docs/benchmarks.md]
                               [--tensorflow PYTHON]

Contenders are the loop that one would write with torch alone, torchkeras, torchkeras with
`jit_compile=True` (`--compiled`), Keras 3 on torch, and tf.keras 2.15 from an environment of its
own, whose interpreter is given by `--tensorflow`. Each runs in a process of its own; all are
started and warmed first, and then asked in turn, round after round. The table holds medians over
the rounds, for torchkeras also the median of its ratio to the hand-written loop within a round.

The torch loop is a careful person's: data on the device, one fused optimizer kernel, gradients
set to None, images channels last, the loss from logits, loss and accuracy summed on the device.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from workloads import WORKLOADS

# --- contenders ------------------------------------------------------------------------------


class ByHand:
    """Training and prediction as one would write them with torch alone."""

    def __init__(self, work, x, y, compiled=False):
        import torch

        self.torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.net = work.torch().to(self.device)
        self.run = torch.compile(self.net, mode="reduce-overhead") if compiled else self.net
        several = isinstance(x, list)
        tensors = [torch.tensor(a, device=self.device) for a in (x if several else [x])]
        self.x = [work.by_hand(tensor) for tensor in tensors]
        self.y, self.batch = torch.tensor(y, device=self.device), work.batch
        self.binary = work.classes == 1
        self.optimizer = torch.optim.Adam(self.net.parameters(), fused=True)

    def train(self):
        torch, F = self.torch, self.torch.nn.functional
        self.net.train()
        count = len(self.y)
        order = torch.randperm(count, device=self.device)
        total, right = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        for start in range(0, count, self.batch):
            index = order[start : start + self.batch]
            x, y = [part[index] for part in self.x], self.y[index]
            self.optimizer.zero_grad(set_to_none=True)
            outputs = self.run(*x)
            if self.binary:
                loss = F.binary_cross_entropy_with_logits(outputs, y)
            else:
                loss = F.cross_entropy(outputs, y)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(y)
            if self.binary:
                right += ((outputs > 0) == y).sum()
            else:
                right += (outputs.argmax(1) == y).float().mean() * len(y)
        return float(total) / count, float(right) / count

    def predict(self):
        torch = self.torch
        self.net.eval()
        last = torch.sigmoid if self.binary else lambda out: out.softmax(1)
        with torch.inference_mode():
            batches = zip(*(part.split(self.batch) for part in self.x), strict=True)
            return torch.cat([last(self.run(*x)) for x in batches]).cpu().numpy()

    def finish(self):
        if self.device == "cuda":
            self.torch.cuda.synchronize()


class ByKeras:
    """Training and prediction by `fit` and `predict` of some Keras."""

    def __init__(self, work, x, y, keras, **settings):
        self.model, self.x, self.y, self.batch = work.keras(keras), x, y, work.batch
        loss = "binary_crossentropy" if work.classes == 1 else "sparse_categorical_crossentropy"
        self.model.compile("adam", loss, metrics=["accuracy"], **settings)

    def train(self):
        self.model.fit(self.x, self.y, batch_size=self.batch, verbose=0)

    def predict(self):
        return self.model.predict(self.x, batch_size=self.batch, verbose=0)

    def finish(self):
        """`fit` and `predict` return numbers, so the device is done."""


def contender(name, work, x, y):
    """The object that is measured under a name; only its own framework is imported."""
    if name.startswith("torch by hand"):
        return ByHand(work, x, y, compiled=name.endswith("compiled"))
    if name.startswith("torchkeras"):
        import torchkeras

        compiled = {"jit_compile": True} if name.endswith("compiled") else {}
        return ByKeras(work, x, y, torchkeras, **compiled)
    if name == "tf.keras":
        from tensorflow import keras
    else:
        import keras
    return ByKeras(work, x, y, keras)


def serve(name, case, repeats):
    """Be a contender: answer each line of stdin ('train', 'predict') with seconds per step."""
    work, rng = WORKLOADS[case], np.random.default_rng(0)
    steps = max(1, round(work.steps * repeats))
    samples = work.batch * steps
    x, y = work.data(rng, samples), work.labels(rng, samples)
    begun = time.perf_counter()
    runner = contender(name, work, x, y)
    for what in ("train", "predict", "train", "predict"):
        getattr(runner, what)()
    print(json.dumps({"ready": time.perf_counter() - begun}), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        getattr(runner, line.strip())()
        runner.finish()
        taken = (time.perf_counter() - start) / steps
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": taken, "peak": peak}), flush=True)


# --- the referee -----------------------------------------------------------------------------


class Process:
    """A contender in a process of its own."""

    def __init__(self, name, case, options):
        python = options.tensorflow if name == "tf.keras" else sys.executable
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "torch"}
        if name == "tf.keras":
            environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            [python, __file__, "--serve", name, case, "--repeats", str(options.repeats)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if not options.debug else None,
            text=True,
            env=environment,
        )

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self.process.args} stopped with {self.process.wait()}; see --debug")

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(case, names, options):
    """{"train": {contender: [seconds per round]}, "predict": ..., "peak": {contender: MB}}."""
    processes = {}
    for name in names:
        processes[name] = process = Process(name, case, options)
        process.read()  # warmed, one after another
    found = {"train": {}, "predict": {}, "peak": {}}
    for _ in range(options.rounds):
        for what in ("train", "predict"):
            for name, process in processes.items():
                answer = process.ask(what)
                found[what].setdefault(name, []).append(answer["seconds"])
                found["peak"][name] = answer["peak"]
    for process in processes.values():
        process.close()
    return found


def table(results, names, what):
    """One table in Markdown: rows are workloads, columns contenders."""
    others = [name for name in names if name != "torchkeras"]
    head = ["", "torchkeras", *others, *(f"to {name}" for name in others), "spread"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for case, found in results.items():
        times = found[what]
        ours = times["torchkeras"]
        row = [case] + [f"{median(times[name]) * 1000:.3g}" for name in ("torchkeras", *others)]
        for name in others:
            ratio = median(a / b for a, b in zip(ours, times[name], strict=True))
            row.append(f"**{ratio:.2f}**" if ratio > 1.05 else f"{ratio:.2f}")
        row.append(f"{(max(ours) - min(ours)) / median(ours):.0%}")
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def peaks(results, names):
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for case, found in results.items():
        row = [case] + [f"{found['peak'][name]:.0f}" for name in names]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def processor():
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU threads, {torch.backends.cpu.get_cpu_capability()}"


def page(results, names, options):
    from importlib.metadata import version

    versions = f"torch {version('torch')}, Python {platform.python_version()}"
    if "Keras 3 on torch" in names:
        versions += f", Keras {version('keras')}"
    return f"""# Time per step

Written by `python benchmarks/train.py`: {versions}, {processor()}, medians of {options.rounds}
rounds, one process each, asked in turn. Milliseconds; "to ..." is torchkeras over the other: below
1 torchkeras is faster. Spread is that of torchkeras over the rounds.

## A training step

{table(results, names, "train")}

## A predicted batch

{table(results, names, "predict")}

## Memory

Largest resident size of each process in MB, its libraries included.

{peaks(results, names)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=float, default=1, help="times the steps of a round")
    parser.add_argument("--compiled", action="store_true", help="also what is compiled")
    parser.add_argument("--keras3", action="store_true", help="also Keras 3 on torch")
    parser.add_argument("--tensorflow", help="a Python with tensorflow 2.15: also tf.keras")
    parser.add_argument("--write", type=Path, help="put the tables into this file")
    parser.add_argument("--debug", action="store_true", help="show what contenders print")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(*options.serve, options.repeats)
    names = ["torchkeras", "torch by hand"]
    names += ["torchkeras, compiled", "torch by hand, compiled"] if options.compiled else []
    names += ["Keras 3 on torch"] if options.keras3 else []
    names += ["tf.keras"] if options.tensorflow else []
    results = {}
    for case in options.cases:
        results[case] = measure(case, names, options)
        one = {case: results[case]}
        print(f"{table(one, names, 'train')}\n{table(one, names, 'predict')}\n", flush=True)
    if options.write:
        options.write.write_text(page(results, names, options))


if __name__ == "__main__":
    main()
