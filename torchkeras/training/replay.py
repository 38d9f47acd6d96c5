"""Training steps recorded once as a CUDA graph and replayed: one launch for all their kernels.

Forward pass, loss, backward pass, clipping and update are the graph; it writes predictions and
losses into tensors that stay where they are. What counts on the host happens around it: the rate
of each step is written into a tensor that the graph reads, trackers and metrics are shown what the
graph wrote. Random numbers go on from replay to replay, as torch registers its generator with a
graph.

This has been tested with a stand-in for a CUDA graph, and not on a GPU yet: it is only used where
`compile(jit_compile="auto")` asks for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

import torch
from torch import Tensor

from .. import ranks, tree
from ..data.arrays import unpack_x_y_sample_weight
from ..layers.functions import Lambda
from ..losses import labels
from ..optimizers import Optimizer

WARM_UP = 3  # steps that run as always, in which kernels are chosen and slots are made


class CudaGraph:
    """`record` notes the kernels of a function without running them; `replay` runs them.

    All of it happens on the model's device, which need not be the current one. Steps run and are
    recorded on one stream, for which libraries then have their handles and workspaces.
    """

    def __init__(self, device: torch.device):
        self._device = device
        with torch.cuda.device(device):
            self._graph, self._side = torch.cuda.CUDAGraph(), torch.cuda.Stream()

    def warm(self, run: Callable[[], Any]) -> Any:
        """Run on a stream of its own, as torch asks for before a recording."""
        with torch.cuda.device(self._device):
            self._side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._side):
                result = run()
            torch.cuda.current_stream().wait_stream(self._side)
        return result

    def record(self, run: Callable[[], Any]) -> Any:
        with torch.cuda.device(self._device), torch.cuda.stream(torch.cuda.current_stream()):
            index, pool = torch.cuda.current_device(), torch.cuda.graph_pool_handle()
            generator = torch.cuda.default_generators[index]
            before = generator.clone_state()
            try:  # other threads, such as those that pin batches, may go on meanwhile
                with torch.cuda.graph(
                    self._graph, pool, self._side, capture_error_mode="thread_local"
                ):
                    return run()
            except BaseException:  # torch leaves a recording that failed open, and its stream
                generator.graphsafe_set_state(before)
                with contextlib.suppress(RuntimeError):  # not open
                    _end_allocation()(index, pool)
                raise

    def replay(self) -> None:
        with torch.cuda.device(self._device):
            self._graph.replay()


def _end_allocation():
    """What ends that memory comes from a recording's pool; until then no stream gives any back."""
    old = "_cuda_endAllocateCurrentStreamToPool"  # up to torch 2.7
    return getattr(torch._C, "_cuda_endAllocateToPool", None) or getattr(torch._C, old)


# By type of device: what makes a recorder for a device.
RECORDERS: dict[str, Callable[[torch.device], Any]] = {"cuda": CudaGraph}


def wanted(model: Any) -> bool:
    """Whether steps of `model` are to be recorded, should they prove to be fit for it."""
    asked = model.jit_compile == "auto" and not model.run_eagerly
    return asked and model.device.type in RECORDERS


class ReplayedStep:
    """`model.train_step`, recorded after `WARM_UP` batches of one shape.

    Batches of other shapes, such as a short last one, run as always; so does everything where the
    model does something that a graph cannot hold, or where recording fails.
    """

    def __init__(self, model: Any):
        self._model = model
        self._forget()

    def _forget(self):
        self._outputs = self._losses = self._data = self._leaves = None  # their memory is free now
        self._graph = RECORDERS[self._model.device.type](self._model.device)
        self._notes: labels.Notes = {}
        self._shapes, self._seen = None, 0
        self._recorded = self._refused = False
        self._places: list[int] = []

    def renew(self) -> ReplayedStep:
        """Itself, at the start of an epoch; a recording whose tensors are gone is made anew."""
        if self._recorded and self._places != _places(self._model):
            self._forget()
        return self

    def __call__(self, data: Any) -> Any:
        step = self._model.train_step
        if self._refused:
            return step(data)
        leaves = [leaf for leaf in tree.leaves(data) if leaf is not None]
        shapes = [(leaf.shape, leaf.dtype) for leaf in leaves if isinstance(leaf, Tensor)]
        if self._shapes is None:
            self._shapes = shapes
        if shapes != self._shapes:
            return step(data)
        if not self._recorded:
            if self._seen < WARM_UP:
                self._seen += 1
                return self._graph.warm(lambda: step(data))
            if len(shapes) < len(leaves) or not fit_for_a_graph(self._model) or not self._try(data):
                self._refused = True
                return step(data)
        return self._replay(data, leaves)

    def _try(self, data):
        """Record a step on a copy of `data`, which changes nothing else; whether it worked."""
        model, optimizer = self._model, self._model.optimizer
        self._data = tree.map_structure(lambda t: None if t is None else t.clone(), data)
        self._leaves = [leaf for leaf in tree.leaves(self._data) if leaf is not None]
        self._rate = torch.zeros((), device=model.device)
        trackers = model._compiled.loss_metrics
        for tracker in trackers:
            tracker.noted = []
        try:
            with optimizer.steps_by(self._rate), labels.notes_apart() as self._notes:
                self._outputs = self._graph.record(self._update)
            labels.clear(self._notes)
            self._losses = [(tracker, *note) for tracker in trackers for note in tracker.noted]
            self._recorded, self._places = True, _places(model)
        except RuntimeError:  # CUDA refuses something in the step
            return False
        finally:
            for tracker in trackers:
                tracker.noted = None
        return True

    def _update(self):
        model = self._model
        x, y, sample_weight = unpack_x_y_sample_weight(self._data)
        y_pred = model(x)
        loss = model.compute_loss(x, y, y_pred, sample_weight)
        model.optimizer.minimize(loss, model.optimizer.variables_of(model))
        return tree.map_structure(_bare, y_pred)

    def _replay(self, data, leaves):
        model = self._model
        torch._foreach_copy_(self._leaves, leaves)
        self._rate.fill_(model.optimizer.rate_of_step())
        self._graph.replay()
        model.optimizer.count_step()
        labels.add_notes(self._notes)
        for tracker, value, samples in self._losses:
            tracker.update_state(value.clone(), samples)
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        return model.compute_metrics(x, y, self._outputs, sample_weight)


def fit_for_a_graph(model: Any) -> bool:
    """Whether a recording of the step does all that the step does.

    Steps, layers, metrics and the functions in them are the library's own, without hooks; all
    tensors are on one device; the rule reads its rate from a tensor; nothing is left for the host
    to decide or to count.
    """
    standard = model._standard_steps() and _is_ours(type(model).compute_metrics)
    parts = [*model.modules(), *model.metrics]
    return (
        standard
        and ranks.count() == 1
        and isinstance(model.optimizer, Optimizer)
        and model.optimizer.takes_rate_as_tensor()
        and all(_is_ours(type(part)) and not isinstance(part, Lambda) for part in parts)
        and all(map(_is_ours, _functions_of(model)))
        and all(isinstance(w, (int, float, type(None))) for w in _loss_weights(model))
        and not any(_counts(module) for module in model.modules())
        and len({t.device for t in (*model.parameters(), *model.buffers())}) == 1
        and not torch.is_autocast_enabled(model.device.type)  # it keeps casts of weights
    )


def _loss_weights(model):
    return tree.leaves(model._compiled._loss_weights)


def _functions_of(model):
    """Losses, activations, regularizers and constraints: what could be a function of the user's."""
    for loss in tree.leaves(model._compiled._losses):
        yield from (type(loss), getattr(loss, "fn", None))
    for weight in model.weights:
        yield from (weight.regularizer, weight.constraint)
    for module in model.modules():
        for name, value in vars(module).items():
            if callable(value) and not name.endswith("_initializer"):
                yield value


def _counts(module):
    """Whether a call does something on the host: a state between batches, a metric, a hook."""
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    counts = getattr(module, "stateful", False) or vars(module).get("_added_metrics")
    return counts or not all(map(_is_ours, hooks))


def _is_ours(thing):
    if thing is None or isinstance(thing, BuiltinFunctionType):
        return True
    return (getattr(thing, "__module__", None) or "").partition(".")[0] in ("torchkeras", "torch")


def _bare(output):
    """An output without its history, which would hold on to nodes of the recorded stream."""
    bare = output.detach()
    mask = getattr(output, "_keras_mask", None)
    if mask is not None:
        bare._keras_mask = mask
    return bare


def _places(model):
    """Where the tensors lie that a recording writes to."""
    slots = [slot for state in model.optimizer.state.values() for slot in state.values()]
    return [t.data_ptr() for t in (*model.parameters(), *model.buffers(), *slots)]
