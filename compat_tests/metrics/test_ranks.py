"""Metrics of several processes of torch.distributed are those of one that saw all batches."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from compat_tests.processes import check_python
from torchkeras import Sequential, layers, metrics, ranks

SCRIPT = """
import sys
import numpy as np, torch, torch.distributed as dist
from compat_tests.metrics.test_ranks import DATA, MADE, found, trained
rank, store = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
part = slice(0, 16) if rank == 0 else slice(16, None)
values = found(part) | trained(part)
np.savez(f"{store}.{rank}.npz", **values)
dist.destroy_process_group()
"""
RANDOM = np.random.default_rng(0)
DATA = (
    RANDOM.integers(0, 2, (40, 3)).astype("float32"),
    RANDOM.uniform(0, 1, (40, 3)).astype("float32"),
)
MADE = {
    "mean": lambda: metrics.Mean(),
    "auc": lambda: metrics.AUC(num_thresholds=20),
    "precision": lambda: metrics.Precision(),
    "f1": lambda: metrics.F1Score(threshold=0.5),
    "iou": lambda: metrics.BinaryIoU(),
    "r2": lambda: metrics.R2Score(),
    "accuracy": lambda: metrics.BinaryAccuracy(),
    "recall": lambda: metrics.RecallAtPrecision(0.5, num_thresholds=20),
}


def found(part):
    """The results over batches of a part of the data."""
    results = {}
    for name, make in MADE.items():
        metric = make()
        for start in range(part.start, part.stop or 40, 8):
            batch = [array[start : start + 8] for array in DATA]
            metric.update_state(*(batch if name != "mean" else batch[:1]))
        metric.all_reduce()
        results[name] = np.asarray(metric.result())
    return results


def trained(part):
    """What evaluate and the history of fit say of a part of the data."""
    x, y = (array[part] for array in DATA)
    model = Sequential([layers.Dense(3, activation="sigmoid", kernel_initializer="ones")])
    model.compile("sgd", "mse", ["mae", metrics.AUC(num_thresholds=20, name="auc")])
    values = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    model.optimizer.learning_rate = 0.0
    history = model.fit(x, y, batch_size=8, verbose=0, validation_data=(x, y)).history
    return values | {"fit " + name: value[0] for name, value in history.items()}


def test_two_processes(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    with ThreadPoolExecutor() as pool:
        run = partial(check_python, "script.py", cwd=tmp_path)
        list(pool.map(lambda rank: run(rank, tmp_path / "store"), range(2)))
    whole = slice(0, None)
    expected = found(whole) | trained(whole)
    for rank in range(2):
        values = np.load(tmp_path / f"store.{rank}.npz")
        assert set(values) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(values[name], value, rtol=1e-6, err_msg=name)


def test_alone_nothing_happens():
    metric = metrics.Mean()
    metric.update_state([1.0, 3.0])
    metric.all_reduce()
    assert float(metric.result()) == 2.0 and ranks.count() == 1


@pytest.mark.parametrize("name", MADE)
def test_merged_states_are_those_of_all_batches(name):
    parts = [MADE[name]() for _ in range(3)]
    whole = MADE[name]()
    for number, start in enumerate(range(0, 40, 8)):
        batch = [array[start : start + 8] for array in DATA]
        batch = batch if name != "mean" else batch[:1]
        parts[number % 3].update_state(*batch)
        whole.update_state(*batch)
    parts[0].merge_state(parts[1:])
    np.testing.assert_allclose(parts[0].result(), whole.result(), rtol=1e-6)
