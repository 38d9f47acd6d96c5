"""A GPU played by the CPU, so that what only a GPU would show is seen on any machine.

    with gpu.played():
        model.fit(x, y)         # weights are on "cuda:0", numbers are those of the CPU
        with gpu.unwaited():
            model.train_step(batch)

Its tensors live apart. A kernel that is given a tensor of the CPU beside one of the GPU raises, as
does `numpy()`, a generator of the CPU, a product of integers, or a kernel that CUDA lacks. What
makes the host wait for the device (`item()`, `if tensor`, a selection by a mask, a copy that is not
asynchronous) is counted, and refused while `unwaited` or while a graph is recorded.

`pytest --device gpu` runs other tests on it, `--device both` those that play it by themselves.
There is no cuDNN, and no compiler.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils import _device

from compat_tests.checks import layer
from compat_tests.far import (
    CUDA,
    GENERATORS,
    REAL_GENERATOR,
    OnGpu,
    State,
    Waited,
    called_by,
    far,
    state,
    waited,
)
from compat_tests.modes import Tape, run_again

__all__ = ["CUDA", "Graph", "OnGpu", "Waited", "played", "unwaited", "use"]


class Generator(torch.Generator):
    """A generator of the played GPU."""

    device = CUDA

    def __new__(cls, device: Any = "cpu") -> torch.Generator:
        if torch.device(device).type == "cpu":
            return REAL_GENERATOR()
        made = super().__new__(cls)
        GENERATORS[made._cdata] = made  # torch hands on another object for the same generator
        return made


_real_to, _real_from_numpy = torch.Tensor.to, torch.from_numpy


def _to(self, *args, **kwargs):
    if not isinstance(self, OnGpu):
        args, kwargs = far((args, kwargs))
    return _real_to(self, *args, **kwargs)


def _pin(self, *args):
    pinned = self.clone()
    pinned._pinned = True
    return pinned


class _Stream:
    """A stream whose work is done as soon as it is asked for."""

    def __init__(self, *args, **kwargs):
        pass

    def wait_stream(self, other):
        pass

    def wait_event(self, event):
        pass

    def record_event(self, event=None):
        return event


def _placing(function):
    """A maker of tensors from data, which tells torch the device by torch's own name for it."""

    def made(*args, device=None, **kwargs):
        if device is None:
            device = _device.CURRENT_DEVICE  # of a block `with torch.device(...)`
        if device is None:
            return function(*args, **kwargs)
        return function(*args, device=far(torch.device(device)), **kwargs)

    return made


class _OwnGenerator:
    """What a recording asks of the GPU's generator: random numbers are those of the CPU's."""

    def clone_state(self):
        return self

    def graphsafe_set_state(self, state):
        pass


class Graph:
    """A CUDA graph: kernels that were noted, and how often they ran since."""

    replays = 0

    def replay(self):
        type(self).replays += 1
        run_again(self.calls)


class _Recording(Tape):
    """Notes the kernels that numbers of the GPU go through, on the CPU where they are played."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if OnGpu in types:
            return NotImplemented
        return super().__torch_dispatch__(func, types, args, kwargs)


@contextlib.contextmanager
def _recording(graph: Graph, pool: Any, stream: Any, capture_error_mode: str) -> Iterator[None]:
    """As torch's, it leaves the stream and the pool of a recording that failed as they are."""
    tape = _Recording()
    before, state.stream = state.stream, stream
    state.pools.append(pool)
    try:
        with unwaited(), torch.random.fork_rng(devices=[]), tape:
            yield
    finally:
        tape.undo()
    graph.calls = tape.calls
    state.pools.remove(pool)
    state.stream = before


@contextlib.contextmanager
def _on_stream(stream: Any) -> Iterator[None]:
    before, state.stream = state.stream, stream
    try:
        yield
    finally:
        state.stream = before


_PATCHES = [
    (torch.backends.cudnn, "is_acceptable", lambda tensor: False),
    (torch.cuda, "_lazy_init", lambda: None),
    (torch.cuda, "is_available", lambda: True),
    (torch.cuda, "device_count", lambda: 1),
    (torch.cuda, "current_device", lambda: 0),
    (torch.cuda, "mem_get_info", lambda device=None: (2**40, 2**40)),
    (torch.cuda, "synchronize", lambda device=None: waited("synchronize")),
    (torch.cuda, "device", lambda device: contextlib.nullcontext()),
    (torch.cuda, "stream", _on_stream),
    (torch.cuda, "current_stream", lambda device=None: state.stream),
    (torch.cuda, "graph_pool_handle", object),
    (torch._C, "_cuda_endAllocateToPool", lambda index, pool: state.pools.remove(pool)),
    (torch.cuda, "Stream", _Stream),
    (torch.cuda, "CUDAGraph", Graph),
    (torch.cuda, "graph", _recording),
    (torch.cuda, "default_generators", (_OwnGenerator(),)),
    (torch, "Generator", Generator),
    (torch, "tensor", _placing(torch.tensor)),
    (torch, "as_tensor", _placing(torch.as_tensor)),
    (torch, "asarray", _placing(torch.asarray)),
    (torch.Tensor, "to", _to),
    (torch.Tensor, "cuda", lambda self, *args, **kwargs: _to(self, CUDA)),
    (torch.Tensor, "pin_memory", _pin),
]


@contextlib.contextmanager
def played() -> Iterator[State]:
    """While open, torch has a GPU; what it counts is given."""
    with contextlib.ExitStack() as stack:
        for owner, name, value in _PATCHES:
            if hasattr(owner, name):
                stack.callback(setattr, owner, name, getattr(owner, name))
            else:
                stack.callback(delattr, owner, name)
            setattr(owner, name, value)
        # Backward in this thread: one of torch's own may end after Python, and then aborts.
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))
        state.waits, state.refused, Graph.replays = [], False, 0
        state.stream, state.pools = _Stream(), []
        yield state


def use() -> None:
    """For the rest of the process, play a GPU; tensors that tests make are on it."""
    made = [name for name, value in vars(torch).items() if _is_maker(value)]
    _kept.enter_context(played())
    layer._check_compiled = lambda case, made: None  # torch's compiler knows no such device
    for name in made:
        setattr(torch, name, _in_tests(getattr(torch, name)))
    torch.from_numpy = _in_tests(_from_numpy)


_kept = contextlib.ExitStack()  # of `use`
_MAKERS = _device._device_constructors()


def _is_maker(value):
    return callable(value) and any(value is maker for maker in _MAKERS)


def _from_numpy(array, device=None):
    made = _real_from_numpy(array)
    return made if device is None else made.to(device)


def _in_tests(function):
    def made(*args, device=None, **kwargs):
        if device is None and _device.CURRENT_DEVICE is None and called_by("compat_tests"):
            device = CUDA
        return function(*args, **kwargs, **({} if device is None else {"device": device}))

    return made


@contextlib.contextmanager
def unwaited() -> Iterator[None]:
    """While open, the host may not wait for the GPU."""
    before, state.refused = state.refused, True
    try:
        yield
    finally:
        state.refused = before
