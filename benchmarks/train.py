"""Milliseconds per training step and per predicted batch, beside the other ways to train.

    python benchmarks/train.py [--cases mlp cnn] [--rounds 7] [--write docs/benchmarks.md]
                               [--keras3] [--jax PYTHON] [--tensorflow PYTHON]
                               [--compiled [mlp cnn]] [--minutes 25]

Contenders are the loop that one would write with torch alone, torchkeras, both of them compiled
(`--compiled`, which takes minutes for large networks, so it may name cases), Keras 3 on torch, and
Keras 3 on jax and tf.keras 2.15 from environments of their own, whose interpreters are given by
`--jax` and `--tensorflow`. Each runs in a process of its own; all are started and warmed first, and
then asked in turn, round after round. The table holds medians over the rounds, and medians of
torchkeras' ratio to the others within a round. `--minutes` ends the rounds of a case, not before
the third, once its share of that time is over.

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


def versions(name):
    """What a contender has imported."""
    packages = {"tf.keras": ["tensorflow"], "Keras 3 on jax": ["keras", "jax"]}
    packages["Keras 3 on torch"] = ["keras"]
    used = packages.get(name, ["torch"])
    return [f"{package} {sys.modules[package].__version__}" for package in used]


def serve(name, case, repeats, once):
    """Be a contender: answer each line of stdin ('train', 'predict') with seconds per step."""
    work, rng = WORKLOADS[case], np.random.default_rng(0)
    steps = 1 if once else max(1, round(work.steps * repeats))
    samples = work.batch * steps
    x, y = work.data(rng, samples), work.labels(rng, samples)
    runner = contender(name, work, x, y)
    begun = time.perf_counter()
    runner.train()
    first = time.perf_counter() - begun
    for what in () if once else ("predict", "train", "predict"):
        getattr(runner, what)()
    print(json.dumps({"ready": versions(name), "first": first}), flush=True)
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

    def __init__(self, name, case, options, once=False):
        python = {"tf.keras": options.tensorflow, "Keras 3 on jax": options.jax}.get(name)
        backend = "jax" if name == "Keras 3 on jax" else "torch"
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend}
        if python:
            environment.pop("PYTHONPATH", None)
        command = [python or sys.executable, __file__, "--serve", name, case]
        command += ["--repeats", str(options.repeats)] + ["--once"] * once
        self.process = subprocess.Popen(
            command,
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


def measure(case, names, options, end):
    """{"train": {contender: [seconds per round]}, "predict": ..., "peak": {contender: MB}}.

    "first" has the seconds of a contender's first epoch. A contender that fails is told about and
    left out. Rounds go on until the time `end`.
    """
    found = {"train": {}, "predict": {}, "peak": {}, "first": {}}
    started, processes = {name: Process(name, case, options) for name in names}, {}
    for name, process in started.items():  # they warm up beside each other
        try:
            answer = process.read()
            options.versions.update(dict.fromkeys(answer["ready"]))
            found["first"][name] = [answer["first"]]
            processes[name] = process
        except RuntimeError as error:
            print(f"{case}: {name} failed: {error}", file=sys.stderr)
            options.failed.append(f"{name} on {case}")
    for number in range(options.rounds):
        if number >= 3 and time.perf_counter() > end:
            break
        for what in ("train", "predict"):
            for name, process in processes.items():
                answer = process.ask(what)
                found[what].setdefault(name, []).append(answer["seconds"])
                found["peak"][name] = answer["peak"]
    for process in processes.values():
        process.close()
    return found


def measure_start(names, options):
    """{contender: [seconds from the start of the process to the end of one training step]}."""
    found = {}
    for _ in range(min(3, options.rounds)):
        for name in names:
            begun = time.perf_counter()
            process = Process(name, "mlp", options, once=True)
            process.read()
            found.setdefault(name, []).append(time.perf_counter() - begun)
            process.close()
            print(f"start of {name}: {found[name][-1]:.2f} s", flush=True)
    return found


def table(results, names, what):
    """One table in Markdown: rows are workloads, columns contenders."""
    others = [name for name in names if name != "torchkeras"]
    head = ["", "torchkeras", *others, *(f"to {name}" for name in others), "spread"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for case, found in results.items():
        times = found[what]
        ours = times["torchkeras"]
        row = [case]
        for name in ("torchkeras", *others):
            row.append(f"{median(times[name]) * 1000:.3g}" if name in times else "")
        for name in others:
            if name not in times:
                row.append("")
                continue
            ratio = median(a / b for a, b in zip(ours, times[name], strict=True))
            row.append(f"**{ratio:.2f}**" if ratio > 1.05 else f"{ratio:.2f}")
        row.append(f"{(max(ours) - min(ours)) / median(ours):.0%}")
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def peaks(results, names):
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for case, found in results.items():
        row = [case] + [f"{found['peak'][n]:.0f}" if n in found["peak"] else "" for n in names]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def firsts(results):
    """What compiling takes, where something was compiled."""
    rows = []
    for case, found in results.items():
        times = [found["first"].get(name) for name in COMPILED]
        if any(times):
            told = ("" if one is None else f"{one[0]:.0f}" for one in times)
            rows.append(f"| {case} | {' | '.join(told)} |")
    if not rows:
        return ""
    head = [f"| | {' | '.join(COMPILED)} |", "|---|---|---|"]
    told = "Seconds of the first epoch, compiling included, while all contenders start."
    return "\n".join(["## Compiling", "", told, "", *head, *rows, "", ""])


def starts(found):
    lines = [f"| {' | '.join(found)} |", "|---" * len(found) + "|"]
    lines.append(f"| {' | '.join(f'{median(seconds):.2f}' for seconds in found.values())} |")
    return "\n".join(lines)


def processor():
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU threads, {torch.backends.cpu.get_cpu_capability()}"


def page(results, names, started, options):
    rounds = sorted({len(found["train"]["torchkeras"]) for found in results.values()})
    rounds = f"{rounds[0]} to {rounds[-1]}" if rounds[0] != rounds[-1] else rounds[0]
    used = ", ".join([*options.versions, f"Python {platform.python_version()}"])
    failed = f" These stopped with an error: {', '.join(options.failed)}." if options.failed else ""
    return f"""# Time per step

Written by `python benchmarks/train.py` with {used};
{processor()}, medians of {rounds} rounds, one process each, asked in turn. Milliseconds; "to ..."
is torchkeras over the other: below 1 torchkeras is faster. Spread is that of torchkeras over the
rounds. Empty cells were not measured: compiling is asked for by case, as it takes minutes for the
larger networks.{failed}

## A training step

{table(results, names, "train")}

## A predicted batch

{table(results, names, "predict")}

## Memory

Largest resident size of each process in MB, its libraries included.

{peaks(results, names)}

{firsts(results)}## Start

Seconds from the start of a process to the end of its first training step of the mlp, imports
included.

{starts(started)}
"""


COMPILED = ["torchkeras, compiled", "torch by hand, compiled"]
KEPT = "\n## Why some rows stay where they are\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=float, default=1, help="times the steps of a round")
    parser.add_argument(
        "--compiled", nargs="*", choices=list(WORKLOADS), help="also what is compiled [for cases]"
    )
    parser.add_argument("--keras3", action="store_true", help="also Keras 3 on torch")
    parser.add_argument("--jax", help="a Python with keras 3 and jax: also Keras 3 on jax")
    parser.add_argument("--tensorflow", help="a Python with tensorflow 2.15: also tf.keras")
    parser.add_argument("--minutes", type=float, default=1e9, help="about how long it may take")
    parser.add_argument("--write", type=Path, help="put the tables into this file")
    parser.add_argument("--debug", action="store_true", help="show what contenders print")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(*options.serve, options.repeats, options.once)
    run(options)


def run(options):
    """Measure what `options` ask for, print it, and write the page if it has a place."""
    plain = ["torchkeras", "torch by hand"]
    plain += ["Keras 3 on torch"] if options.keras3 else []
    plain += ["Keras 3 on jax"] if options.jax else []
    plain += ["tf.keras"] if options.tensorflow else []
    names = plain if options.compiled is None else plain[:2] + COMPILED + plain[2:]
    options.versions, options.failed, begun = {}, [], time.perf_counter()
    started = measure_start(plain, options) if options.write else {}
    results = {}
    for number, case in enumerate(options.cases, 1):
        these = names if case in (options.compiled or options.cases) else plain
        end = begun + options.minutes * 60 * number / len(options.cases)
        results[case] = measure(case, these, options, end)
        one = {case: results[case]}
        minutes = (time.perf_counter() - begun) / 60
        print(f"{table(one, these, 'train')}\n{table(one, these, 'predict')}")
        print(f"{minutes:.1f} minutes\n", flush=True)
        if options.write:  # each time: what is measured is kept
            told = options.write.read_text() if options.write.exists() else ""
            kept = told.partition(KEPT)  # written by hand
            options.write.write_text(page(results, names, started, options) + kept[1] + kept[2])


if __name__ == "__main__":
    main()
