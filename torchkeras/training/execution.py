"""How the loops run a model's steps: one a call, several a call, or as the user's own function.

Also what a model that is trained is asked for by code of others: its strategy, its metrics.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from .. import config, tree
from ..metrics import Metric
from ..tracking import modules_of
from . import replay


def checked_steps(steps: Any) -> tuple[int, bool]:
    """`steps_per_execution` as a number, and whether it was 'auto', which is 1 here.

    >>> checked_steps(None), checked_steps("auto")
    ((1, False), (1, True))
    """
    if steps is None or steps == "auto":
        return 1, steps == "auto"
    if isinstance(steps, bool) or int(steps) != steps or steps < 1:
        raise ValueError(
            f"steps_per_execution must be a positive integer or 'auto'; received {steps!r}."
        )
    return int(steps), False


class StepFunction:
    """Calls `model.train_step` (or the step of `kind`) on the next batches of an iterator.

    It takes `steps_per_execution` batches, or those that are left, and returns the logs of the
    last one; for 'predict' the outputs of all, joined.
    """

    def __init__(self, model: Any, kind: str):
        self._model, self._kind, self._many = model, kind, model.steps_per_execution
        self._replayed: replay.ReplayedStep | None = None
        self.__name__ = f"{kind}_function"

    def __getstate__(self):
        return {**vars(self), "_replayed": None}  # a recording belongs to the tensors of its model

    @property
    def step(self) -> Callable | None:
        """The model's step, where one call runs just that."""
        return self._one() if self._many == 1 else None

    def _one(self):
        """What runs one batch: the model's step, or its recording."""
        if self._kind != "train" or not replay.wanted(self._model):
            return getattr(self._model, f"{self._kind}_step")
        if self._replayed is None:
            self._replayed = replay.ReplayedStep(self._model)
        return self._replayed.renew()

    def __call__(self, iterator: Iterator) -> Any:
        step = self._one()
        results = [step(next(iterator))]
        for _ in range(self._many - 1):
            try:
                data = next(iterator)
            except StopIteration:
                break
            results.append(step(data))
        if self._kind != "predict":
            return results[-1]
        return tree.map_structure(lambda *parts: torch.cat(parts), *results)


class Runs:
    """Pairs of what to call and what to call it with, one for each execution of an epoch.

    Iterating gives what `run` takes: a batch where the model's own step is all there is to do,
    else an iterator over batches, as long as it has some. `steps` counts the batches taken.

    >>> runs = Runs(lambda iterator: [next(iterator), next(iterator)], [1, 2, 3, 4])
    >>> [runs.run(each) for each in runs], runs.steps
    ([[1, 2], [3, 4]], 4)
    """

    def __init__(self, function: Callable, batches: Any):
        step = function.step if isinstance(function, StepFunction) else None
        self.plain = step is not None
        self.run = step or function
        self.steps = 0
        self._batches = batches
        self._waiting: list = []

    def __iter__(self) -> Iterator[Any]:
        if self.plain:
            return iter(self._batches)
        self._source = iter(self._batches)
        return self._while_any()

    def _while_any(self):
        while self._waiting or self._fetch():
            before = self.steps
            yield self
            if self.steps == before:
                raise RuntimeError(
                    "The function that make_train_function, make_test_function or "
                    "make_predict_function returned took no batch; call next(iterator) in it."
                )

    def _fetch(self):
        for batch in self._source:
            self._waiting.append(batch)
            return True
        return False

    def __next__(self) -> Any:
        if not self._waiting and not self._fetch():
            raise StopIteration
        self.steps += 1
        return self._waiting.pop()


# --- torch.compile -----------------------------------------------------------------------------


def start_graph(model: Any) -> None:
    """With `jit_compile=True`, have the model's forward pass compiled when it is called next."""
    if model.jit_compile is True and not model._graph_compiled and model.built:
        if model._takes_texts:
            raise ValueError(
                f'Model "{model.name}" takes texts, which torch.compile cannot; leave out '
                "jit_compile=True, or compile a model that begins with the numbers of its texts."
            )
        vars(model)["forward"] = _compiled_forward(model)


def _compiled_forward(model):
    """The model's forward pass, compiled when it is called.

    What is compiled is code that no other model has: torch counts how often code is compiled, and
    refuses what comes too often, such as the many models of a search. Where layers add losses, a
    pass that is traced cannot note it, so a look at the layers follows whenever one was traced.
    """
    traced = []

    @torch.compiler.assume_constant_result  # called while something is traced, and only then
    def note():
        traced.append(True)

    def forward(*args, **kwargs):
        note()
        return type(model).forward(model, *args, **kwargs)

    forward.__code__ = forward.__code__.replace()
    compiled = torch.compile(forward, fullgraph=True, backend=config.jit_backend(), **_LIMITS)

    def compiled_forward(*args, **kwargs):
        try:
            outputs = compiled(*args, **kwargs)
        except RuntimeError as error:
            failed = error
        else:
            if traced:
                traced.clear()
                _note_added_losses(model)
            return outputs
        forward(*args, **kwargs)  # if it fails by itself, it says why
        raise failed

    return compiled_forward


def _note_added_losses(model):
    if any(module._losses for module in model._penalized()):
        model._note_that_it_adds()


_LIMITS = {  # how often one model is compiled; 8 times where torch cannot be told
    name: 64 for name in inspect.signature(torch.compile).parameters if name == "recompile_limit"
}


def stop_graph(model: Any) -> None:
    """Run the forward pass in Python again."""
    vars(model).pop("forward", None)


# --- what others ask a model for ---------------------------------------------------------------


def metrics_inside(model: nn.Module) -> list[Any]:
    """The metrics that the user's layers and models hold as attributes, alone or in lists."""
    found: list[Metric] = []
    last: list[Metric] = []  # a graph computes what was added to it behind its layers
    for module in modules_of(model):
        added = vars(module).get("_added_metrics")
        if added:
            (last if "_besides" in vars(module) else found).extend(added.values())
        if type(module) not in _LIBRARY and not _is_library(type(module)):
            found += _metrics_among(vars(module))
    if not found and not last:
        return []
    known = {id(metric) for metric in model._compiled.metrics} if model._compiled else ()
    return list({id(one): one for one in found + last if id(one) not in known}.values())


def _metrics_among(attributes):
    for name, value in attributes.items():
        if isinstance(value, Metric):
            yield value
        elif isinstance(value, (list, tuple, dict)) and name[0] != "_":
            yield from (leaf for leaf in _values(value) if isinstance(leaf, Metric))


def _values(value):
    """Leaves of any nesting; keys of dictionaries need no order."""
    if isinstance(value, dict):
        value = value.values()
    for item in value:
        if isinstance(item, (list, tuple, dict)):
            yield from _values(item)
        else:
            yield item


def _is_library(cls):
    if cls.__module__.partition(".")[0] not in ("torchkeras", "torch"):
        return False
    _LIBRARY.add(cls)
    return True


_LIBRARY: set[type] = set()  # classes found to be torch's or ours


class OneDevice:
    """The strategy of a model that trains on one device, for scripts that ask for it.

    >>> OneDevice().num_replicas_in_sync, OneDevice().run(max, (1, 2))
    (1, 2)
    """

    num_replicas_in_sync = 1

    class extended:
        """What libraries ask of a strategy's inside."""

        _in_multi_worker_mode = staticmethod(lambda: False)
        should_checkpoint = should_save_summary = True
        worker_devices = parameter_devices = ("/device:CPU:0",)

    def scope(self) -> AbstractContextManager:
        """A block in which models are made as everywhere else."""
        return nullcontext(self)

    def run(self, fn: Callable, args: tuple = (), kwargs: Any = None, options: Any = None) -> Any:
        """`fn(*args, **kwargs)`."""
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: Any, value: Any, axis: int | None = None) -> Any:
        """`value` itself: there is no other replica."""
        return value

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """`dataset` itself."""
        return dataset

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """The one result there is."""
        return (value,)
