"""The GPU that is played does what CUDA does; losses, metrics and layers on it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import losses, metrics, ops
from torchkeras.layers.tf_table import FUNCTIONS
from torchkeras.losses import labels as class_labels

gpu = pytest.importorskip("compat_tests.gpu", exc_type=ImportError)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 6)).astype("float32")
CLASSES, ONE_HOT = RNG.integers(0, 3, 8), np.eye(3, dtype="float32")[RNG.integers(0, 3, 8)]
WEIGHTS = RNG.uniform(0.5, 1, 8).astype("float32")

# --- the played GPU itself --------------------------------------------------------------------


def on_cpu():
    return torch.ones(3)


def on_gpu():
    return torch.ones(3, device="cuda")


RAISES = {
    "two devices": lambda: on_gpu() + on_cpu(),
    "the other way": lambda: on_cpu().add_(on_gpu()),
    "numbers on the CPU change": lambda: torch.ones(()).add_(on_gpu()[0]),
    "a list": lambda: torch.stack([on_gpu(), on_cpu()]),
    "an index": lambda: on_gpu().index_select(0, torch.tensor([1])),
    "kernels for many": lambda: torch._foreach_add_([on_gpu()], [on_cpu()]),
    "a generator": lambda: on_gpu().normal_(generator=torch.Generator()),
    "products of integers": lambda: on_gpu().long() @ on_gpu().long(),
    "a kernel that CUDA lacks": lambda: torch.histogram(on_gpu(), 2),
    "numpy": lambda: torchkeras.arrays.np.asarray(_numpy_of(on_gpu())),
}
WAITS = {
    "item": lambda: on_gpu()[0].item(),
    "if": lambda: bool(on_gpu().any()),
    "list": lambda: on_gpu().tolist(),
    "cpu": lambda: on_gpu().cpu(),
    "to the CPU": lambda: on_gpu().to("cpu", torch.float64),
    "copied to the CPU": lambda: on_cpu().copy_(on_gpu()),
    "a number to the GPU": lambda: torch.tensor(1.0, device="cuda"),
    "an array to the GPU": lambda: torch.as_tensor([1.0], device="cuda"),
    "cuda": lambda: on_cpu().cuda(),
    "from memory that is not pinned": lambda: on_cpu().to("cuda", non_blocking=True),
    "pinned, at once": lambda: on_cpu().pin_memory().to("cuda"),
    "copied to the GPU": lambda: on_gpu().copy_(on_cpu()),
    "nonzero": lambda: on_gpu().nonzero(),
    "a mask": lambda: on_gpu()[on_gpu() > 0],
    "an index of the CPU": lambda: on_gpu()[torch.tensor([1])],
    "unique": lambda: on_gpu().unique(),
    "bincount": lambda: on_gpu().long().bincount(),
    "repeats": lambda: on_gpu().repeat_interleave(on_gpu().long()),
    "synchronize": lambda: torch.cuda.synchronize(),
}
PASSES = {
    "numbers": lambda: on_gpu() * 2 + torch.tensor(3.0),
    "made there": lambda: torch.full((2,), 3.0, device="cuda") + torch.arange(2, device="cuda"),
    "pinned": lambda: on_cpu().pin_memory().to("cuda", non_blocking=True),
    "where": lambda: torch.where(on_gpu() > 0, on_gpu(), 0.0).cumsum(0).sort(),
    "an index": lambda: on_gpu()[torch.zeros(2, dtype=torch.int64, device="cuda")],
    "its generator": lambda: on_gpu().normal_(generator=torch.Generator("cuda").manual_seed(1)),
    "in place": lambda: on_gpu()[1:].add_(1),
}


# Functions of what was made here and there, and how it is there that they meet.
MEETS = {
    "linspace": lambda there: ops.linspace(there, 4.0, 3),
    "initial": lambda there: ops.max(there, initial=0.5),
    "a variable": lambda there: torchkeras.Variable([1.0, 2.0, 3.0]) * there,
    "tf.repeat": lambda there: FUNCTIONS["repeat"](there, [1, 2, 1], 0),
    "tf.stack": lambda there: FUNCTIONS["stack"]([there[0], 2.0]),
    "labels": lambda there: losses.mse(on_cpu(), there),
}


def _numpy_of(tensor):
    return eval("tensor.numpy()", {"__name__": "torchkeras.somewhere", "tensor": tensor})


@pytest.mark.parametrize("case", RAISES)
def test_what_cuda_refuses(case):
    with gpu.played(), pytest.raises((RuntimeError, NotImplementedError, TypeError)) as raised:
        RAISES[case]()
    assert not isinstance(raised.value, gpu.Waited)


@pytest.mark.parametrize("case", WAITS)
def test_what_waits(case):
    with gpu.played() as seen:
        with gpu.unwaited(), pytest.raises(gpu.Waited):
            WAITS[case]()
        del seen.waits[:]
        WAITS[case]()
        assert len(seen.waits) == 1 or case == "from memory that is not pinned"


@pytest.mark.parametrize("case", PASSES)
def test_what_does_not_wait(case):
    with gpu.played() as seen, gpu.unwaited():
        PASSES[case]()
    assert seen.waits == []


@pytest.mark.parametrize("case", MEETS)
def test_what_meets(case):
    wanted = MEETS[case](on_cpu())
    with gpu.played():
        found = MEETS[case](on_gpu())
        assert found.is_cuda
    torch.testing.assert_close(found.near, wanted)


def test_nothing_is_left_of_it():
    with gpu.played():
        assert torch.cuda.is_available()
    assert (
        torch.cuda.is_available() == torch.backends.cuda.is_built()
        and type(on_cpu()) is torch.Tensor
    )
    assert torchkeras.arrays.default_device().type == "cpu"


# --- losses and metrics -----------------------------------------------------------------------

# What labels and predictions look like, by a part of the name; else both are probabilities.
_SHAPES = {
    "Sparse": (CLASSES, ONE_HOT),
    "IoU": (CLASSES, CLASSES),
    "OneHot": (ONE_HOT, ONE_HOT),
    "BinaryIoU": (ONE_HOT, ONE_HOT),
}
_GIVEN = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotMeanIoU": {"num_classes": 3},
    "BinaryIoU": {},
    "MeanRelativeError": {"normalizer": [1.0, 2.0, 3.0]},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
_APART = ("MeanMetricWrapper", "SumOverBatchSizeMetricWrapper", "LossFunctionWrapper", "PyMetric")
_VALUES = ("Mean", "Sum", "MeanTensor", "SumOverBatchSize")


def classes_of(table, base):
    found = {c for c in table.objects.values() if isinstance(c, type) and issubclass(c, base)}
    return sorted((c for c in found if c is not base and c.__name__ not in _APART), key=str)


def arguments_of(name):
    shapes = [pair for part, pair in _SHAPES.items() if part in name]
    return shapes[-1] if shapes else (ONE_HOT, np.abs(X[:, :3]) / 3)


@pytest.mark.parametrize("cls", classes_of(losses.TABLE, losses.Loss), ids=lambda c: c.__name__)
def test_losses(cls):
    y_true, y_pred = arguments_of(cls.__name__)
    with gpu.played() as seen:
        there = torch.tensor(y_pred, device="cuda", requires_grad=True)
        labels, weights = (torch.tensor(a, device="cuda") for a in (y_true, WEIGHTS))
        del seen.waits[:]
        with gpu.unwaited():
            for given in (None, weights):
                cls()(labels, there, given).backward()
        here = cls()(torch.tensor(y_true), there)  # labels of a loop by hand are on the CPU
        assert here.is_cuda and cls()(y_true, there, WEIGHTS).is_cuda
    np.testing.assert_allclose(here.near.detach(), cls()(y_true, y_pred), 1e-5)


@pytest.mark.parametrize("cls", classes_of(metrics.TABLE, metrics.Metric), ids=lambda c: c.__name__)
@pytest.mark.parametrize("given", ["tensors", "arrays", "labels here", "weights"])
def test_metrics(cls, given):
    config = _GIVEN.get(cls.__name__, {})
    batch = arguments_of(cls.__name__)[: 1 if cls.__name__ in _VALUES else 2]
    if given == "weights" and len(batch) == 2:
        batch = (
            *batch,
            np.broadcast_to(WEIGHTS[:, None], batch[1].shape)
            if "IoU" in cls.__name__ and batch[1].ndim > 1 and "OneHot" not in cls.__name__
            else WEIGHTS,
        )
    wanted = cls(**config)(*batch)
    with gpu.played():
        metric = cls(**config)
        assert all(variable.value.is_cuda for variable in metric.variables)
        if given == "arrays":
            sent = batch
        else:
            sent = [torch.tensor(a, device="cuda") for a in batch]
            if given == "labels here" and len(sent) > 1:
                sent[0] = torch.tensor(batch[0])
        metric.update_state(*sent)
        metric.reset_state()
        if given in ("tensors", "weights"):
            with gpu.unwaited():
                metric.update_state(*sent)
        else:
            metric.update_state(*sent)
        result = metric.result()
        assert all(variable.value.is_cuda for variable in metric.variables)
    np.testing.assert_allclose(result.near, wanted, 1e-5)


def test_labels_that_ctc_refuses_are_noted():
    y_pred = np.full((2, 9, 4), 0.25, "float32")
    given = [[0, -1], [1, 2]], y_pred, [[9], [9]], [[2], [2]]
    with gpu.played():
        there = [torch.tensor(a, device="cuda") for a in given]
        losses = torchkeras.backend.ctc_batch_cost(*there).near
        with pytest.raises(ValueError, match="labels from 0 to 2.* there were others in epoch 1"):
            class_labels.check(" in epoch 1")
    assert losses.isnan().tolist() == [[True], [False]]
