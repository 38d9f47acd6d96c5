"""Logs: a dict that reads the device once, late, and behaves as a dict everywhere."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch

from torchkeras.training import logs as module
from torchkeras.training.logs import Logs
from torchkeras.variable import Variable

VALUES = {"loss": torch.tensor(0.5), "acc": torch.tensor(0.25), "lr": 0.1}
NUMBERS = {"loss": 0.5, "acc": 0.25, "lr": 0.1}


@pytest.fixture
def reads(monkeypatch):
    """How many scalars came over in each read."""
    found = []
    together = module._read_together

    def counted(scalars):
        found.append(len(scalars))
        return together(scalars)

    monkeypatch.setattr(module, "_read_together", counted)
    return found


USES = {
    "get": lambda logs: logs.get("loss") == 0.5,
    "item": lambda logs: logs["acc"] == 0.25,
    "items": lambda logs: list(logs.items()) == list(NUMBERS.items()),
    "values": lambda logs: list(logs.values()) == [0.5, 0.25, 0.1],
    "dict": lambda logs: dict(logs) == NUMBERS,
    "unpacked": lambda logs: {"epoch": 1, **logs} == {"epoch": 1, **NUMBERS},
    "keyword arguments": lambda logs: (lambda **given: given)(**logs) == NUMBERS,
    "format": lambda logs: "{loss:.2f} {acc}".format(**logs) == "0.50 0.25",
    "copy": lambda logs: type(logs.copy()) is dict and logs.copy() == NUMBERS,
    "copy.copy": lambda logs: copy.copy(logs) == NUMBERS,
    "deepcopy": lambda logs: copy.deepcopy(logs) == NUMBERS,
    "pickle": lambda logs: pickle.loads(pickle.dumps(logs)) == NUMBERS,
    "json": lambda logs: json.loads(json.dumps(logs)) == NUMBERS,
    "equal": lambda logs: logs == NUMBERS and NUMBERS == logs and not logs != NUMBERS,
    "repr": lambda logs: repr(logs) == repr(NUMBERS),
    "or": lambda logs: (
        logs | {"a": 1} == NUMBERS | {"a": 1} and {"a": 1} | logs == {"a": 1} | NUMBERS
    ),
    "pop": lambda logs: logs.pop("lr") == 0.1 and logs.pop("none", 3) == 3 and "lr" not in logs,
    "setdefault": lambda logs: logs.setdefault("acc", 9) == 0.25,
    "update of another": lambda logs: {**{"loss": 1}, **logs}["loss"] == 0.5,
    "sorted": lambda logs: sorted(logs.items())[0] == ("acc", 0.25),
}


@pytest.mark.parametrize("source", ["mapping", "function"])
@pytest.mark.parametrize("use", USES)
def test_one_read(use, source, reads):
    logs = Logs(VALUES if source == "mapping" else lambda: VALUES)
    assert isinstance(logs, dict)
    assert USES[use](logs)
    assert reads == [2]
    assert dict(logs).keys() >= {"loss", "acc"} and reads == [2]


QUIET = {
    "bool": lambda logs: bool(logs or {}),
    "names": lambda logs: list(logs) == list(logs.keys()) == ["loss", "acc", "lr"],
    "reversed": lambda logs: list(reversed(logs)) == ["lr", "acc", "loss"],
    "len": lambda logs: len(logs) == 3,
    "in": lambda logs: "loss" in logs and "val_loss" not in logs,
    "fork": lambda logs: len(logs.fork()) == 3,
    "settle": lambda logs: logs.settle() is None,
    "on_device": lambda logs: logs.on_device()["loss"].dim() == 0,
}


@pytest.mark.parametrize("source", ["mapping", "function"])
@pytest.mark.parametrize("use", QUIET)
def test_no_read(use, source, reads):
    logs = Logs(VALUES if source == "mapping" else lambda: VALUES)
    assert QUIET[use](logs) and reads == []


def test_function_is_called_late_and_once():
    calls = []
    logs = Logs(lambda: calls.append(1) or VALUES)
    other = logs.fork()
    assert bool(logs) and not calls
    assert "loss" in logs and len(calls) == 1
    assert other["loss"] == logs["loss"] == 0.5 and len(calls) == 1


def test_written():
    logs = Logs(VALUES)
    other = logs.fork()
    logs["val_loss"] = 3
    del logs["lr"]
    logs.update(loss=1)
    assert dict(logs) == {"loss": 1, "acc": 0.25, "val_loss": 3}
    assert dict(other) == NUMBERS and dict(logs.fork()) == dict(logs)


def test_empty():
    assert not Logs() and not Logs({}) and dict(Logs({})) == {} and json.dumps(Logs({})) == "{}"
    assert dict(Logs(lambda: {})) == {}


def test_settled_values_stay():
    state = torch.tensor(1.0)
    logs, late = Logs(lambda: {"loss": state}), Logs({"loss": state})
    logs.settle()
    state.add_(1)
    assert logs["loss"] == 1.0 and late["loss"] == 2.0


def test_kinds_of_values(reads):
    logs = Logs(
        {
            "half": torch.tensor(0.5, dtype=torch.bfloat16),
            "long": torch.tensor(2**40 + 1),
            "bool": torch.tensor(True),
            "variable": Variable(3.0),
            "gradient": torch.tensor(2.0, requires_grad=True) * 2,
            "numpy": np.float32(0.25),
            "array": torch.arange(3),
            "list": [torch.ones(2), torch.zeros(1)],
            "text": "a",
            "none": None,
        }
    )
    assert [logs["half"], logs["long"], logs["bool"]] == [0.5, 2**40 + 1, True]
    assert type(logs["long"]) is int and type(logs["bool"]) is bool
    assert [logs["variable"], logs["gradient"], logs["numpy"]] == [3.0, 4.0, 0.25]
    assert type(logs["numpy"]) is float
    assert isinstance(logs["array"], np.ndarray) and logs["array"].tolist() == [0, 1, 2]
    assert [part.tolist() for part in logs["list"]] == [[1.0, 1.0], [0.0]]
    assert (logs["text"], logs["none"]) == ("a", None)
    assert reads == [5]


def test_no_graph_is_kept():
    loss = torch.ones(1, requires_grad=True).sum()
    assert not Logs({"loss": loss}).on_device()["loss"].requires_grad


@pytest.mark.parametrize("wrong", [torch.tensor(1.0), 3.0, [("loss", 1)]])
def test_no_mapping(wrong):
    with pytest.raises(TypeError, match="train_step and test_step must return"):
        Logs(wrong)
    with pytest.raises(TypeError, match="must be a dictionary"):
        Logs(lambda: wrong)["loss"]
