"""Functions between layers in `.keras` files: tf.keras names TensorFlow's, Keras 3 its own.

Keras 3 has no layer for a function of TensorFlow. An archive in its order has the operation of
Keras 3 in the place of one, and what tf.keras would have beside it, for torchkeras.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from ...names import to_snake_case

BESIDE = "tensorflow"  # the key of an entry that only torchkeras reads
_CONSTANT = "_CONSTANT_VALUE"
_EVERYTHING = {"start": None, "stop": None, "step": None}


class _Unknown(Exception):
    """A call that Keras 3 has no operation for."""


def _rows() -> Iterator[tuple[str, tuple[str, str, tuple, dict]]]:
    """TensorFlow's name; module and class of Keras 3, arguments behind the first, settings."""
    for names, second in (
        ("__operators__.add:Add math.add:Add math.subtract:Subtract math.multiply:Multiply "
         "math.truediv:TrueDivide compat.v1.floor_div:FloorDivide math.floormod:Mod math.pow:Power "
         "math.maximum:Maximum math.minimum:Minimum math.greater:Greater math.less:Less "
         "math.greater_equal:GreaterEqual math.less_equal:LessEqual math.equal:Equal "
         "math.not_equal:NotEqual math.logical_and:LogicalAnd math.logical_or:LogicalOr", ("y",)),
        ("linalg.matmul:Matmul", ("b",)),
        ("math.abs:Absolute math.sqrt:Sqrt math.square:Square math.exp:Exp math.expm1:Expm1 "
         "math.log:Log math.log1p:Log1p math.sin:Sin math.cos:Cos math.tan:Tan math.sinh:Sinh "
         "math.cosh:Cosh math.tanh:Tanh math.asinh:Arcsinh math.acosh:Arccosh math.atanh:Arctanh "
         "math.floor:Floor math.ceil:Ceil math.sign:Sign math.reciprocal:Reciprocal "
         "math.logical_not:LogicalNot math.negative:Negative identity:Copy", ()),
        ("where:Where", ("x", "y")),
    ):  # fmt: skip
        for pair in names.split():
            name, found = pair.split(":")
            yield name, ("numpy", found, second, {})
    for name in "Relu Relu6 Elu Selu Silu Softsign".split():
        yield f"nn.{name.lower()}", ("nn", name, (), {})
    for name, found in (
        ("math.rsqrt", ("math", "Rsqrt", (), {})),
        ("math.erf", ("math", "Erf", (), {})),
        ("math.sigmoid", ("nn", "Sigmoid", (), {})),
        ("math.softplus", ("nn", "Softplus", (), {})),
        ("stop_gradient", ("core", "StopGradient", (), {})),
        ("nn.softmax", ("nn", "Softmax", (), {"axis": "axis"})),
        ("nn.log_softmax", ("nn", "LogSoftmax", (), {"axis": "axis"})),
        ("nn.gelu", ("nn", "Gelu", (), {"approximate": "approximate"})),
        ("nn.leaky_relu", ("nn", "LeakyRelu", (), {"alpha": "negative_slope"})),
        ("concat", ("numpy", "Concatenate", (), {"axis": "axis"})),
        ("stack", ("numpy", "Stack", (), {"axis": "axis"})),
        ("unstack", ("core", "Unstack", (), {"axis": "axis"})),
        ("expand_dims", ("numpy", "ExpandDims", (), {"axis": "axis"})),
        ("compat.v1.squeeze", ("numpy", "Squeeze", (), {"axis": "axis"})),
        ("compat.v1.transpose", ("numpy", "Transpose", (), {"perm": "axes"})),
        ("reshape", ("numpy", "Reshape", (), {"shape": "newshape"})),
        ("math.cumsum", ("numpy", "Cumsum", (), {"axis": "axis"})),
        ("cast", ("core", "Cast", (), {"dtype": "dtype"})),
        ("clip_by_value", ("numpy", "Clip", (),
                           {"clip_value_min": "x_min", "clip_value_max": "x_max"})),
        ("split", ("numpy", "Split", (),
                   {"num_or_size_splits": "indices_or_sections", "axis": "axis"})),
    ):  # fmt: skip
        yield name, found
    for name, found in (
        ("mean", "Mean"), ("sum", "Sum"), ("max", "Max"), ("min", "Min"), ("prod", "Prod"),
        ("std", "Std"), ("variance", "Var"),
    ):  # fmt: skip
        yield f"math.reduce_{name}", ("numpy", found, (), {"axis": "axis", "keepdims": "keepdims"})
    kept = {"axis": "axis", "keepdims": "keepdims"}
    yield "math.reduce_logsumexp", ("math", "Logsumexp", (), kept)
    yield "__operators__.getitem", ("numpy", "GetItem", ("slice_spec",), {})


OPERATIONS = dict(_rows())
_MODULES = {to_snake_case(found): (module, found) for module, found, _, _ in OPERATIONS.values()}
_SYMBOLS = {to_snake_case(row[1]): name for name, row in reversed(OPERATIONS.items())}
_OF_ANY_DTYPE = (
    "reshape transpose concatenate stack unstack expand_dims squeeze get_item cast copy split "
    "stop_gradient equal not_equal greater greater_equal less less_equal logical_and logical_or "
    "logical_not absolute negative maximum minimum add subtract multiply"
).split()


def for_keras_3(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of a model's layers with the operation of Keras 3 in the place of a function."""
    inner = entry["config"]
    if entry["class_name"] == "KerasOperation":
        module, found = _MODULES.get(inner["function"], (None, None))
        return _entry(entry, module, found, inner["settings"]) if module else entry
    if entry["class_name"] not in ("TFOpLambda", "SlicingOpLambda"):
        return entry
    try:
        module, found, names, settings = OPERATIONS[inner["function"]]
        told = [_call(call, names, settings) for call in entry["inbound_nodes"]]
        if not told or any(one != told[0][0] for one, _ in told):
            return entry
    except (_Unknown, KeyError, TypeError):
        return entry
    changed = _entry(entry, module, found, told[0][0])
    kept = {key: entry[key] for key in ("module", "class_name", "config", "inbound_nodes")}
    return changed | {"inbound_nodes": [call for _, call in told], BESIDE: kept}


def _entry(entry, module, found, settings):
    name = {"name": entry["config"]["name"]}
    told = {"module": f"keras.src.ops.{module}", "class_name": found, "registered_name": found}
    return {**entry, **told, "config": {**name, **settings}}


def _call(call, names, settings):
    """The settings of the operation and its call, from one call of a function."""
    alone = isinstance(call[0], str)
    kwargs = dict((call if alone else call[0])[3])
    inputs = [_input(place) for place in ([call] if alone else call)]
    args = [inputs[0] if alone else inputs]
    found = {}
    for key, value in kwargs.items():
        if key in names:
            continue
        if key in settings and value is not None:
            if _holds_place(value):
                raise _Unknown
            found[settings[key]] = value
        elif value is not None and value is not False and key != "name":
            raise _Unknown
    sizes = found.get("indices_or_sections")
    if isinstance(sizes, list):
        found["indices_or_sections"] = list(accumulate(sizes))[:-1]
    args += [_index(kwargs[key]) if key == "slice_spec" else _argument(kwargs[key])
             for key in names]  # fmt: skip
    return found, {"args": args, "kwargs": {}}


def _input(place):
    return place[2] if place[0] == _CONSTANT else tensor_of_3(place)


def _argument(value):
    if is_place(value):
        return _input(value)
    if _holds_place(value):
        raise _Unknown
    return value


def _index(spec):
    if isinstance(spec, list) and not is_place(spec):
        return [_index(one) for one in spec]
    if isinstance(spec, dict):
        if spec.get("class_name") == "__ellipsis__":
            return {"class_name": "__ellipsis__", "config": {}}
        return {"class_name": "__slice__", "config": {k: _argument(v) for k, v in spec.items()}}
    return _argument(spec)


def _holds_place(value):
    return is_place(value) or (isinstance(value, list) and any(map(_holds_place, value)))


def tensor_of_3(place: list) -> dict[str, Any]:
    """A tensor among the arguments of a call, as Keras 3 writes it."""
    # The reader takes the tensor that it made itself; shape and dtype here say nothing.
    config = {"shape": [None], "dtype": "float32", "keras_history": place[:3]}
    return {"class_name": "__keras_tensor__", "config": config}


def is_place(value: Any) -> bool:
    """Whether a list is `[layer name, call, output, ...]`."""
    return (
        isinstance(value, list)
        and len(value) >= 3
        and isinstance(value[0], str)
        and all(type(number) is int for number in value[1:3])
    )


# --- for tf.keras ----------------------------------------------------------------------------


def for_tensorflow(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of a model's layers with the function of TensorFlow in the place of an operation.

    The entry itself where TensorFlow has none, or computes it in another dtype.
    """
    inner = entry["config"]
    symbol = _SYMBOLS.get(inner["function"])
    if symbol is None:
        return entry
    try:
        calls = [_call_of_tf(call, symbol, inner) for call in entry["inbound_nodes"]]
    except (_Unknown, KeyError, TypeError, IndexError):
        return entry
    kept = {key: inner[key] for key in ("name", "trainable", "dtype") if key in inner}
    kind = "SlicingOpLambda" if symbol.endswith("getitem") else "TFOpLambda"
    told = {"class_name": kind, "config": {**kept, "function": symbol}, "inbound_nodes": calls}
    told |= {"module": "keras.layers"} if "module" in entry else {}
    return {**entry, **told}


def _call_of_tf(call, symbol, inner):
    """A call of a function, from the settings and the call of an operation."""
    if call["kwargs"]:
        raise _Unknown
    _, _, names, settings = OPERATIONS[symbol]
    first, *others = call["args"]
    if len(others) != len(names) or not _are_alike(inner["function"], call["args"]):
        raise _Unknown
    kwargs = {}
    given = dict(inner["settings"])
    for name, setting in settings.items():
        value = given.pop(setting, None)
        if value is not None and value is not False:
            kwargs[name] = value
    sizes = kwargs.get("num_or_size_splits")
    if any(value is not None for value in given.values()) or isinstance(sizes, list):
        raise _Unknown  # of places to split at the last size does not follow
    if names == ("slice_spec",):
        kwargs["slice_spec"] = _spec(others[0], len(_told(first)["shape"]))
    else:
        kwargs |= {name: _place(value) for name, value in zip(names, others, strict=True)}
    if isinstance(first, list):
        return [[*_place(one), kwargs] for one in first]
    if _told(first) is None:  # a number; TensorFlow would take the dtype from it
        return [_CONSTANT, -1, float(first), kwargs]
    return [*_place(first), kwargs]


def _told(value):
    """The config of a tensor among the arguments of a call, else None."""
    is_tensor = isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"
    return value["config"] if is_tensor else None


def _place(value):
    told = _told(value)
    if told is not None:
        return told["keras_history"]
    if not isinstance(value, (int, float, bool)):
        raise _Unknown
    return value


def _are_alike(function, args):
    """Whether TensorFlow, which promotes nothing, computes in the dtype of Keras 3."""
    flat = [one for arg in args for one in (arg if isinstance(arg, list) else [arg])]
    flat = flat[1:] if function == "where" else flat
    dtypes = {told["dtype"] for one in flat if (told := _told(one)) is not None}
    numbers = any(type(one) is float for one in flat)
    is_float = all("float" in dtype for dtype in dtypes)
    return len(dtypes) == 1 and (is_float or (function in _OF_ANY_DTYPE and not numbers))


def _spec(key, rank):
    """An index as tf.keras writes it; its archives hold no ellipsis, so slices stand for that."""
    if isinstance(key, list):
        axes = sum(one is not None and not _is_ellipsis(one) for one in key)
        parts = [[_EVERYTHING] * (rank - axes) if _is_ellipsis(one) else [_spec(one, rank)]
                 for one in key]  # fmt: skip
        return [one for part in parts for one in part]
    if _is_ellipsis(key):
        return _EVERYTHING
    if isinstance(key, dict) and key.get("class_name") == "__slice__":
        return {name: None if one is None else _place(one) for name, one in key["config"].items()}
    return None if key is None else _place(key)


def _is_ellipsis(key):
    return isinstance(key, dict) and key.get("class_name") == "__ellipsis__"
