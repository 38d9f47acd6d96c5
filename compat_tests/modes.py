"""Ways to run the steps of a model, and the tests as a whole run in one of them.

`pytest --steps graph` or `pytest --steps compiled` has every model that is compiled without a word
about it take its steps that way. A CUDA graph is played by a stand-in, on any machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from torchkeras import config
from torchkeras.models import Model
from torchkeras.training import replay

JIT = {"eager": None, "graph": "auto", "compiled": True}  # by name, what compile() is given
_COUNTS = "counts calls of Python"
_KERNELS = "watches kernels, which torch.compile does not allow"
NOT_RECORDED = {"training/test_step_cost.py": _COUNTS}
NOT_COMPILED = {  # part of a test's name: why it says nothing where models are compiled
    "training/test_step_cost.py": _COUNTS,
    "training/test_faults.py": "kills within seconds, when nothing is compiled yet",
    "test_a_step_reads_nothing": _KERNELS,
    "test_an_epoch_reads_nothing": _KERNELS,
    "test_feature_space.py::test_in_a_model": "texts are no tensors",
    "test_a_file_of_keras_2_12_numbers_layers": "texts are no tensors",
    "test_modules.py::test_texts_": "texts are no tensors",
    "test_features.py::test_models_go_through_files": "texts are no tensors",
    "test_evaluate_and_fit_tell_of_a_wrong_index": "only a step in Python leaves notes",
    "[dict_inputs_and_outputs]": "makes layers in call(), which torch.compile refuses",
    "test_rows.py::test_fit[Adam-{'clipnorm'": "clips whole gradients, which moves losses by 1e-4",
}


class StandIn:
    """Records and replays on the CPU, and keeps to what a CUDA graph does; `log` counts it.

    It notes the kernels that run below autograd, with the tensors and numbers they were given.
    Recording changes no tensor and draws no random number. A replay knows nothing of Python: it
    runs these kernels on the same tensors, with the same numbers, into the same results.
    """

    fails = False
    log: list[str] = []

    def __init__(self, device: torch.device):
        self.log = type(self).log = []

    def warm(self, run: Callable[[], Any]) -> Any:
        self.log.append("warm")
        return run()

    def record(self, run: Callable[[], Any]) -> Any:
        self.log.append("record")
        tape = Tape()
        try:
            with torch.random.fork_rng(devices=[]), tape:
                outputs = run()
        finally:
            tape.undo()
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.calls = tape.calls
        return outputs

    def replay(self) -> None:
        self.log.append("replay")
        run_again(self.calls)


def run_again(calls: list[tuple]) -> None:
    """Run the kernels that a `Tape` noted, into the same results."""
    with torch._C._AutoDispatchBelowAutograd():
        for function, args, kwargs, noted, aliases in calls:
            made = _tensors(function(*args, **kwargs))
            for old, new, alias in zip(noted, made, aliases, strict=True):
                if not alias:
                    old.copy_(new)


class Tape(TorchDispatchMode):
    """The kernels that run within its block; what they overwrite comes back by `undo`."""

    def __init__(self):
        super().__init__()
        self.calls: list[tuple] = []
        self._kept: dict[int, tuple] = {}
        self._made: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = _tensors((args, kwargs))
        if _depends_on_data(func, given) or any(t.layout is not torch.strided for t in given):
            raise RuntimeError(f"{func} is not permitted when stream is capturing")
        places = {_place(tensor) for tensor in given}
        if func._schema.is_mutable or "batch_norm" in func.name():  # whose schema says it is not
            for tensor in given:
                if _place(tensor) not in self._made:
                    self._kept.setdefault(_place(tensor), (tensor, _whole(tensor).clone()))
        before = _as_they_are((args, kwargs))
        result = func(*args, **kwargs)
        made = _tensors(result)
        aliases = [_place(tensor) in places for tensor in made]
        self._made.update(_place(t) for t, old in zip(made, aliases, strict=True) if not old)
        if "empty" not in func.name():  # which is memory, not a kernel
            self.calls.append((func, *before, _as_they_are(made), aliases))
        return result

    def undo(self) -> None:
        with torch._C._AutoDispatchBelowAutograd():
            for tensor, before in self._kept.values():
                _whole(tensor).copy_(before)


def _depends_on_data(func, given):
    """Whether the host must see numbers to go on: what comes out, or its shape, depends on them."""
    if func is torch.ops.aten.index.Tensor:
        return any(tensor.dtype is torch.bool for tensor in given[1:])
    return not {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}.isdisjoint(
        func.tags
    )


def _tensors(nested):
    return [leaf for leaf in tree_leaves(nested) if isinstance(leaf, torch.Tensor)]


def _as_they_are(nested):
    """The same memory by other tensors, whose axes nobody turns around later."""
    return tree_map_only(torch.Tensor, torch.Tensor.detach, nested)


def _place(tensor):
    return tensor.untyped_storage()._cdata


def _whole(tensor):
    """All of the memory that a tensor is a view of, as bytes."""
    return torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())


def use(name: str) -> None:
    """For the rest of the process, have models that were not told otherwise run as `name` says."""
    if JIT[name] is None:
        return
    if name == "graph":
        replay.RECORDERS["cpu"] = StandIn
    else:
        config.set_jit_backend("eager")
    owner = next(cls for cls in Model.__mro__ if "compile" in vars(cls))
    told = owner.compile

    @functools.wraps(told)
    def compile(self, *args, **kwargs):
        told(self, *args, **kwargs)
        if self.jit_compile is None and not self.run_eagerly:
            self.jit_compile = JIT[name]

    owner.compile = compile
