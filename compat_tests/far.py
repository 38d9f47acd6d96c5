"""Tensors of a GPU that the CPU plays, and their kernels; `compat_tests/gpu.py` tells the rest.

torch lends one of its places for devices, "privateuseone", to Python. To Python code these tensors
say that they are on "cuda:0"; only torch's own C++ knows the difference.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch.utils import backend_registration
from torch.utils._mode_utils import no_dispatch
from torch.utils._pytree import tree_leaves, tree_map

if torch.backends.cuda.is_built():
    raise ImportError("a GPU can only be played where torch has no kernels for one")
if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
    raise ImportError(f"torch {torch.__version__} has no place for devices that Python makes")

ATEN = torch.ops.aten
CUDA = torch.device("cuda", 0)
_CPU = torch.device("cpu")

# Kernels that take a 0-d tensor of the CPU only as all others: on their own device.
_STRICT = ("_foreach", "_fused", "cat", "stack", "index", "gather", "scatter", "mm", "bmm", "addmm")
_FLOAT_ONLY = {"mm", "bmm", "addmm", "baddbmm", "mv", "addmv", "dot", "convolution"}
_LACKING = {"histogram", "_histogramdd_bin_edges", "_histogramdd_from_bin_cts"}
_READS = {"bincount", "_linalg_check_errors", "_assert_async"}  # wait, which no tag of torch says
_COPIES = {ATEN.copy_.default, ATEN._to_copy.default}


REAL_NUMPY, REAL_GENERATOR = torch.Tensor.numpy, torch.Generator
GENERATORS: dict[int, torch.Generator] = {}  # those of the played GPU


class Waited(RuntimeError):
    """The host waited for the GPU where it must not."""


class State:
    waits: list[str] = []  # what the host waited for, since `played`
    refused = False  # whether a wait is an error
    stream: Any = None  # the current one
    pools: list[Any] = []  # that memory of recordings comes from


state = State()


class OnGpu(torch.Tensor):
    """A tensor of the played GPU; `near` holds its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    near: torch.Tensor
    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)

    @staticmethod
    def __new__(cls, near: torch.Tensor) -> OnGpu:
        rows = near.layout is not torch.strided
        where = ((0,) * near.ndim,) if rows else (near.stride(), near.storage_offset())
        with torch.inference_mode(near.is_inference()):
            made = torch.Tensor._make_wrapper_subclass(
                cls, near.shape, *where, dtype=near.dtype, layout=near.layout, device=_FAR
            )
        made.near = near
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})

    @property
    def data(self):
        return torch.Tensor.data.__get__(self)

    @data.setter
    def data(self, value):
        torch.Tensor.data.__set__(self, value)
        self.near = value.near

    def to(self, *args, **kwargs):
        args, kwargs = far((args, kwargs))
        return torch.Tensor.to(self, *args, **kwargs)

    def cuda(self, *args, **kwargs):
        return self

    def numpy(self, *args, **kwargs):
        if torch.Tensor.numpy is not REAL_NUMPY:  # that of scripts written for TensorFlow
            return torch.Tensor.numpy(self, *args, **kwargs)
        if not called_by("compat_tests"):
            raise TypeError("can't convert cuda:0 device type tensor to numpy.")
        return self.detach().near.resolve_conj().numpy()

    def __array__(self, dtype=None, copy=None):
        if torch.Tensor.numpy is REAL_NUMPY and called_by("torchkeras"):
            raise TypeError("can't convert cuda:0 device type tensor to numpy.")
        found = self.detach().near.numpy()
        return found if dtype is None else found.astype(dtype)

    def as_subclass(self, cls):
        made = self.view_as(self)
        made.__class__ = type(cls.__name__, (cls, OnGpu), {})
        return made

    def tolist(self):
        return self.cpu().tolist()

    def data_ptr(self):
        return self.near.data_ptr()

    def untyped_storage(self):
        return self.near.untyped_storage()

    def record_stream(self, stream):
        return None

    def __repr__(self, **kwargs):
        return f"OnGpu({self.near!r})"

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            made = OnGpu(self.near.detach().clone()).requires_grad_(self.requires_grad)
            made.__dict__ |= {k: v for k, v in self.__dict__.items() if k != "near"}
            memo[id(self)] = made
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        rest = {k: v for k, v in self.__dict__.items() if k != "near"}
        return _rebuilt, (self.near.detach(), self.requires_grad, rest)


def _rebuilt(near, requires_grad, rest):
    made = OnGpu(near).requires_grad_(requires_grad)
    made.__dict__ |= rest
    return made


def called_by(package: str) -> bool:
    """Whether the caller of the function that asks is in `package`."""
    return sys._getframe(2).f_globals.get("__name__", "").partition(".")[0] == package


# --- one kernel ------------------------------------------------------------------------------


def _run(func: Any, args: tuple, kwargs: dict) -> Any:
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    _check(func, tensors, leaves)
    _note_wait(func, args, kwargs, tensors)
    result = func(*tree_map(_near, args), **tree_map(_near, kwargs))
    if torch.Tag.inplace_view in func.tags and isinstance(args[0], OnGpu):
        with no_dispatch():  # the axes of the tensor itself follow
            args[0].as_strided_(result.shape, result.stride())
        return args[0]
    if _leaves_the_gpu(func, args, kwargs):
        return args[0] if func is ATEN.copy_.default else result
    own = {id(leaf.near): leaf for leaf in leaves if isinstance(leaf, OnGpu)}

    def placed(leaf):
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return own.get(id(leaf)) if id(leaf) in own else OnGpu(leaf)

    return tree_map(placed, result)


def _leaves_the_gpu(func, args, kwargs):
    if func is ATEN.copy_.default:
        return not isinstance(args[0], OnGpu)
    device = kwargs.get("device")
    return device is not None and torch.device(device).type == "cpu"


def _check(func, tensors, leaves):
    """Raise as CUDA does for tensors, generators and dtypes that it does not take."""
    name = func.overloadpacket.__name__
    here = [tensor for tensor in tensors if not isinstance(tensor, OnGpu)]
    if func not in _COPIES and here and len(here) < len(tensors):
        alone = name.startswith(_STRICT) or (func._schema.is_mutable and here[0] is tensors[0])
        beside = name in ("index", "index_put_", "_index_put_impl_", "index_put")  # copies them
        if not beside and (alone or any(tensor.ndim for tensor in here)):
            places = ", ".join(f"{t.device}{tuple(t.shape)}" for t in tensors)
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but {func} got {places}"
            )
    if name in _LACKING:
        raise NotImplementedError(f"Could not run '{func}' with arguments from the 'CUDA' backend.")
    if name in _FLOAT_ONLY and not tensors[0].dtype.is_floating_point | tensors[0].is_complex():
        raise NotImplementedError(f'"{name}_cuda" not implemented for {tensors[0].dtype}')
    for leaf in leaves:
        if isinstance(leaf, REAL_GENERATOR) and leaf._cdata not in GENERATORS:
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")


def _note_wait(func, args, kwargs, tensors):
    what = None
    if func in _COPIES:
        what = _waits_for_copy(func, args, kwargs)
    elif func in (ATEN.index.Tensor, ATEN.index_put_.default, ATEN.index_put.default):
        indices = [t for t in args[1] if t is not None]
        if any(t.dtype is torch.bool for t in indices):
            what = "selection by a mask"
        elif any(not isinstance(t, OnGpu) for t in indices):
            what = "copy of an index to the GPU"
    elif func.overloadpacket.__name__ in _READS or not _BY_DATA.isdisjoint(func.tags):
        what = str(func)
    if what is not None:
        waited(what)


_BY_DATA = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


def waited(what: str) -> None:
    """Note, or refuse, that the host waits."""
    state.waits.append(what)
    if state.refused:
        raise Waited(f"{what}: operation not permitted, the host would wait for the GPU")


def _waits_for_copy(func, args, kwargs):
    if func is ATEN.copy_.default:
        target, source, *later = args
        later = kwargs.get("non_blocking", later[0] if later else False)
        if isinstance(target, OnGpu) == isinstance(source, OnGpu):
            return None
        to_gpu = isinstance(target, OnGpu)
        pinned = getattr(source if to_gpu else target, "_pinned", False)
        if later and (pinned or not state.refused):
            return None
        return f"copy {'to' if to_gpu else 'from'} the GPU"
    device = kwargs.get("device")
    return "copy from the GPU" if device is not None and device.type == "cpu" else None


def _near(leaf):
    if isinstance(leaf, OnGpu):
        return leaf.near
    if isinstance(leaf, torch.device) and leaf.type in ("cuda", _FAR.type):
        return _CPU
    return leaf


def far(nested):
    """`nested` with torch's own name of the played device in place of "cuda"."""

    def renamed(leaf):
        named = isinstance(leaf, (str, torch.device)) and str(leaf).startswith("cuda")
        return _FAR if named else leaf

    return tree_map(renamed, nested)


# --- what torch registers --------------------------------------------------------------------


class _Device(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self):
        return [torch.float16, torch.bfloat16]

    def get_rng_state(self, device=None):  # asked for wherever torch looks at random numbers
        return torch.get_rng_state()

    def set_rng_state(self, state, device=None):
        torch.set_rng_state(state)


backend_registration._setup_privateuseone_for_python_backend("far", backend_module=_Device())
_FAR = torch.device("far", 0)
_LIBRARY = torch.library.Library("aten", "IMPL")  # registers as long as it lives


def _register() -> None:
    """Kernels that are given no tensor, and so cannot tell by one where they run."""
    for full in torch._C._dispatch_get_all_op_names():
        space, _, name = full.partition("::")
        packet, _, overload = name.partition(".")
        chosen = torch._C._dispatch_has_kernel_for_dispatch_key(full, "BackendSelect")
        if space != "aten" or not chosen or "sparse" in packet:
            continue
        function = getattr(getattr(ATEN, packet), overload or "default")
        if not any("Tensor" in str(argument.type) for argument in function._schema.arguments):
            for key in ("PrivateUse1", "CUDA"):
                _LIBRARY.impl(name, _maker(function), key)
    _LIBRARY.impl("_copy_from", _copied, "PrivateUse1")
    _LIBRARY.impl("_thnn_fused_lstm_cell", _lstm_cell, "AutogradPrivateUse1")
    _LIBRARY.impl("_thnn_fused_gru_cell", _gru_cell, "AutogradPrivateUse1")


def _maker(function):
    return lambda *args, **kwargs: _run(function, args, kwargs)


def _copied(source, target, non_blocking=False):
    return _run(ATEN.copy_.default, (target, source, non_blocking), {})


def _lstm_cell(of_inputs, of_states, state, bias_of_inputs=None, bias_of_states=None):
    gates = of_inputs + of_states
    if bias_of_inputs is not None:
        gates = gates + bias_of_inputs + bias_of_states
    take, forget, new, show = gates.chunk(4, 1)
    kept = forget.sigmoid() * state + take.sigmoid() * new.tanh()
    return show.sigmoid() * kept.tanh(), kept, gates


def _gru_cell(of_inputs, of_states, state, bias_of_inputs=None, bias_of_states=None):
    if bias_of_inputs is not None:
        of_inputs, of_states = of_inputs + bias_of_inputs, of_states + bias_of_states
    reset, update, new = of_inputs.chunk(3, 1)
    reset_h, update_h, new_h = of_states.chunk(3, 1)
    kept = (update + update_h).sigmoid()
    made = (new + (reset + reset_h).sigmoid() * new_h).tanh()
    return made + kept * (state - made), of_inputs


_register()
