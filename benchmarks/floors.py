"""Where a training step's time goes, and what this machine's kernels can do at best.

    python benchmarks/floors.py [--cases mlp cnn] [--write docs/benchmarks-floors.md]

Bare kernels give the rates: a matrix product and convolutions, forward and backward. For each
workload of `workloads.py` the table has the arithmetic of a step, its time, the shares of kernels
under torch's profiler, and the rate at which convolutions and matrix products ran, for `fit` and
for the loop by hand. Fused recurrent kernels are not in the count of operations. All of it is on
one thread and in processor time, which others on the machine disturb least.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from optimizers import calls as calls_of
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from train import ByHand, ByKeras
from workloads import WORKLOADS

GROUPS = {  # by what is in the name of an operation; the first that fits
    "products": ("conv", "mm", "linear", "bmm", "attention", "rnn", "lstm", "gru"),
    "optimizer": ("fused_adam", "foreach"),
    "norms": ("norm", "softmax"),
    "rest": ("",),
}
HEAD = (
    "", "", "GFLOP", "ms", "products", "optimizer", "norms", "rest", "outside", "GFLOP/s",
    "operations", "calls",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    bare = ["| kernel | GFLOP/s |", "|---|---|"]
    bare += [f"| {name} | {rate:.0f} |" for name, rate in bare_rates(options.rounds)]
    print(*bare, sep="\n", flush=True)
    rows = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    print(*rows, sep="\n")
    for case in options.cases:
        for side in ("torchkeras", "by hand"):
            rows.append(f"| {' | '.join([case, side, *row(case, side, options.rounds)])} |")
            print(rows[-1], flush=True)
    if options.write:
        options.write.write_text(page(bare, rows), encoding="utf-8")


def page(bare, rows) -> str:
    return f"""# What a step cannot go below

Written by `python benchmarks/floors.py` with torch {torch.__version__}, Python
{platform.python_version()}; one thread, {torch.backends.cpu.get_cpu_capability()}, processor time.

## Bare kernels

{chr(10).join(bare)}

## Steps

GFLOP: multiplications and additions of convolutions and matrix products in a step, backward pass
included. Shares are of the time in torch's profiler: products are convolutions, matrix products,
attention and recurrent kernels; outside is Python and what torch does before a kernel begins.
GFLOP/s is what the products reached. Operations and Python calls are those of one step.

{chr(10).join(rows)}
"""


SHAPES = (  # channels in and out, size of the image, batch: those of cnn, resnet20 and resnet50
    (1, 32, 28, 128), (32, 64, 26, 128), (16, 16, 32, 32), (64, 64, 8, 32), (64, 64, 56, 4),
    (256, 256, 14, 4),
)  # fmt: skip


def bare_rates(rounds):
    """Names and GFLOP/s of single kernels."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    yield "matrix product, 1024 x 1024 x 1024", rate(lambda: a @ b, 2 * 1024**3, rounds)
    for shape in SHAPES:
        yield from convolution_rates(*shape, rounds)


def convolution_rates(inputs, outputs, size, batch, rounds):
    x = torch.randn(batch, inputs, size, size).to(memory_format=torch.channels_last)
    w = torch.randn(outputs, inputs, 3, 3).to(memory_format=torch.channels_last)
    w.requires_grad_()
    x.requires_grad_(inputs > 3)  # a first layer passes no gradient on
    flops = 2 * batch * size * size * 9 * inputs * outputs
    shape = f"3 x 3, {inputs} to {outputs} channels, {size} x {size}, batch {batch}"

    def forward():
        with torch.no_grad():
            torch.conv2d(x, w, padding=1)

    yield f"convolution {shape}", rate(forward, flops, rounds)
    y = torch.conv2d(x, w, padding=1)
    wanted = [t for t in (x, w) if t.requires_grad]
    grads = torch.randn_like(y)

    def back():
        torch.autograd.grad(y, wanted, grads, retain_graph=True)

    yield f"its gradients, {shape}", rate(back, len(wanted) * flops, rounds)


def rate(run, flops, rounds):
    run()
    times = []
    for _ in range(rounds * 3):
        begun = time.process_time()
        run()
        times.append(time.process_time() - begun)
    return flops / median(times) / 1e9


def row(case, side, rounds):
    work, rng = WORKLOADS[case], np.random.default_rng(0)
    steps = max(2, min(work.steps, 10))
    x, y = work.data(rng, work.batch * steps), work.labels(rng, work.batch * steps)
    if side == "by hand":
        runner = ByHand(work, x, y)
    else:
        import torchkeras

        runner = ByKeras(work, x, y, torchkeras)
    runner.train()
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        runner.train()
        times.append((time.process_time() - begun) / steps)
    with FlopCounterMode(display=False) as counter:
        runner.train()
    flops = counter.get_total_flops() / steps / 1e9
    calls = calls_of(runner.train) / steps
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        begun = time.perf_counter()
        runner.train()
        taken = time.perf_counter() - begun
    shares, operations = {name: 0.0 for name in GROUPS}, 0
    for event in profiled.key_averages():
        if event.key.startswith("aten::"):
            group = next(g for g, parts in GROUPS.items() if any(p in event.key for p in parts))
            shares[group] += event.self_cpu_time_total / 1e6 / taken
            operations += event.count / steps
    shares["outside"] = 1 - sum(shares.values())
    reached = flops / (shares["products"] * median(times))
    counted = case not in ("lstm", "gru", "bilstm, masked", "tiny", "recommender")
    told = [f"{flops:.3g}" if counted else "", f"{median(times) * 1e3:.3g}"]
    told += [f"{share:.0%}" for share in shares.values()]
    return [*told, f"{reached:.0f}" if counted else "", f"{operations:.0f}", f"{calls:.0f}"]


if __name__ == "__main__":
    main()
