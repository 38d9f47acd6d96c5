"""One check for the functions of keras.ops, beside Keras 3 on torch, once more recorded."""

import re
import zlib

import numpy as np
import torch

from compat_tests import oracle
from compat_tests.checks.backend import Draw, check_recording, compare, mapped, weights_of
from torchkeras import Variable, ops, tree


def check_op(
    name, *args, gradient=True, symbolic=True, batches=1, tolerance=2e-6, same_dtype=True, **kwargs
):
    """`ops.<name>(*args, **kwargs)` beside Keras 3's: values, dtypes, gradients, and recorded.

    `gradient=False`: values only. `symbolic=False`: not recorded; else the first `batches` arrays
    have an open first axis. `same_dtype=False` where Keras 3 itself tells backends apart.
    """
    case = re.sub(" at 0x[0-9a-f]+", "", f"{name}{args}{kwargs}")  # of functions among arguments
    generator = np.random.default_rng(zlib.crc32(case.encode()))
    args = mapped(lambda leaf: _drawn(leaf, generator), args)
    kwargs = {key: mapped(lambda leaf: _drawn(leaf, generator), v) for key, v in kwargs.items()}
    expected = oracle.ask_keras3(
        lambda keras: _told(*_called(_found(keras.ops, name), args, kwargs, gradient))
    )
    function = _found(ops, name)
    found = _told(*_called(function, args, kwargs, gradient))
    _alike(found["values"], expected["values"], tolerance)
    if same_dtype:
        assert found["dtypes"] == expected["dtypes"]
    _alike(found["slopes"], expected["slopes"], tolerance * 5)
    values = [torch.as_tensor(v).numpy() for v in found["values"]]
    if symbolic:
        check_recording(function, args, kwargs, values, batches)
    with_arrays = tree.leaves(function(*args, **kwargs))
    _alike([_value(x) for x in with_arrays], values, 1e-6)
    with_variables = function(*mapped(_variable, args), **kwargs)
    _alike([_value(x) for x in tree.leaves(with_variables)], values, 1e-6)


def _drawn(leaf, generator):
    return leaf.array(generator) if isinstance(leaf, Draw) else leaf


def _found(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


def _variable(leaf):
    return Variable(torch.from_numpy(leaf)) if isinstance(leaf, np.ndarray) else leaf


def _called(function, args, kwargs, gradient):
    """The results and the tensors of floats among the arguments."""
    leaves = []

    def as_leaf(leaf):
        if not isinstance(leaf, np.ndarray):
            return leaf
        tensor = torch.tensor(leaf)
        if tensor.is_floating_point():
            leaves.append(tensor.requires_grad_(gradient))
        return tensor

    results = function(*mapped(as_leaf, args), **{k: mapped(as_leaf, v) for k, v in kwargs.items()})
    return results, leaves if gradient else []


def _told(results, leaves):
    results = list(tree.leaves(results))
    slopes = []
    if leaves:
        parts = [r for r in results if isinstance(r, torch.Tensor) and r.requires_grad]
        total = sum((part * weights_of(part.shape)).sum() for part in parts)
        total = total.real if total.is_complex() else total
        slopes = torch.autograd.grad(total, leaves, materialize_grads=True)
    return {
        "values": [_value(result) for result in results],
        "dtypes": [str(result.dtype) for result in results if isinstance(result, torch.Tensor)],
        "slopes": list(slopes),
    }


def _value(result):
    if not isinstance(result, torch.Tensor):
        return np.asarray(result)
    return result.detach().resolve_conj().numpy()


def _alike(found, expected, tolerance):
    def real(x):
        x = np.asarray(x)
        return np.stack([x.real, x.imag]) if x.dtype.kind == "c" else x

    compare([real(x) for x in found], [real(x) for x in expected], tolerance)
