"""Configs of every version of Keras in the spelling that the layers here know: that of 2.15."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...configs import function_config
from ...layer import TABLE, Layer, constructor_parameters
from ...names import to_snake_case
from ..functions import bytecode
from . import branches, keras1
from .operation import KerasOperation, hard_sigmoid_of_keras_3
from .operators import BESIDE, for_keras_3, for_tensorflow, is_place, tensor_of_3

_OTHER_NAMES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "LayerNormalizationV1": "LayerNormalization",
    "DenseFeaturesV2": "DenseFeatures",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
}
_OPERATIONS = "keras.src.ops."  # where Keras 3 keeps functions that stand between layers
_ONLY_IN_3 = {  # settings of layers that 2.15 does not know, with the value that leaves them off
    "antialias": False,
    "data_format": "channels_last",
    "fill_mode": "constant",
    "fill_value": 0.0,
    "oov_method": "floormod",
    "pad_to_aspect_ratio": False,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "rms_scaling": False,
    "salt": None,
    "seed": None,
    "sliding_window": None,
    "use_gate": False,
    "value_range": [0, 255],
}
_NONE_IN_3 = ("input_axes", "output_axes", "loss_scale_factor", "gradient_accumulation_steps")
_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
_WITHOUT_DTYPE = ("IntegerLookup", "StringLookup", "TextVectorization", "Hashing")  # their own
_QUANTIZED = ("quantization_config", "quantization_mode", "lora_rank", "gptq_unpacked_column_size")


def modern(value: Any) -> Any:
    """`value`, a config of any version, in today's spelling."""
    if isinstance(value, list):
        return [modern(item) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get(BESIDE), dict) and "inbound_nodes" in value:
        value = {**value, "registered_name": None, **value[BESIDE]}
        del value[BESIDE]
    if value.get("class_name") == "Sequential":
        entries = value.get("config")
        entries = entries.get("layers") if isinstance(entries, dict) else entries
        if not isinstance(entries, list):
            entries = []
        merged = branches.merged_sequential(entries, value.get("name") or "sequential")
        if merged is not None:
            value = {**value, "class_name": "Model", "config": merged}
    if _is_of_keras_3(value):
        value = {**value, "config": _in_words_of_2(value["class_name"], value["config"])}
    given = value.get("config")
    value = {key: modern(item) for key, item in value.items()}
    name, inner = value.get("class_name"), value.get("config")
    if name == "Lambda" and isinstance(inner, dict) and isinstance(given.get("arguments"), dict):
        arguments = {key: _array_of_2(item) for key, item in given["arguments"].items()}
        value["config"] = inner = {**inner, "arguments": arguments}
    if set(value) == {"type", "value"} and value["type"] == "ndarray":
        return value["value"]
    if name in ("__tuple__", "TensorShape") and "items" in value:
        return tuple(value["items"])
    if not isinstance(name, str):
        return value
    if name in _OTHER_NAMES:
        name = value["class_name"] = _OTHER_NAMES[name]
    if name in _VALUES and isinstance(inner, dict):
        return _VALUES[name](inner)
    if name == "Sequential" and isinstance(inner, list):  # before 2.2
        value["config"] = {"layers": inner}
    if not isinstance(inner, dict):
        return value
    if _is_operation(value, inner):
        return _operation(value)
    if keras1.is_of_keras_1(name, inner):
        name, inner = keras1.as_keras_2(name, inner)
        value |= {"class_name": name, "config": inner}
    if name == "Model" and "layers" in inner:
        value["class_name"] = "Functional"
    if name.startswith("ConvLSTM"):  # Keras 2.0 and 2.1 wrote it for all recurrent layers
        inner.pop("implementation", None)
    if name in ("GRU", "GRUCell"):  # files from before the setting existed
        inner.setdefault("reset_after", False)
    _as_keras_2(value, inner)
    return value


_VALUES: dict[str, Callable[[dict], Any]] = {
    "Policy": lambda inner: inner.get("name"),
    "DTypePolicy": lambda inner: inner.get("name"),
    "FloatDTypePolicy": lambda inner: inner.get("name"),
    "PolicyV1": lambda inner: inner.get("name"),
    "__numpy__": lambda inner: inner.get("value"),
}


def _array_of_2(item):
    """An argument of a Lambda: an array stays one."""
    if isinstance(item, dict) and item.get("class_name") == "__numpy__":
        return {"type": "ndarray", "value": item["config"]["value"]}
    return item


# --- Keras 3 ---------------------------------------------------------------------------------


def _is_of_keras_3(value):
    """Whether an entry is a layer of Keras 3, which alone writes a policy for each."""
    inner = value.get("config")
    policy = inner.get("dtype") if isinstance(inner, dict) else None
    return isinstance(policy, dict) and policy.get("class_name") == "DTypePolicy"


def _in_words_of_2(name, inner):
    """What means something else in Keras 2."""
    inner = {
        key: hard_sigmoid_of_keras_3.__name__ if item == "hard_sigmoid" else item
        for key, item in inner.items()
    }
    if name in _WITHOUT_DTYPE:
        del inner["dtype"]
    return inner


def _as_keras_2(value, inner):
    """Change the config of a library object in place."""
    if "batch_shape" in inner:
        inner.setdefault("batch_input_shape", inner.pop("batch_shape"))
    for key in _QUANTIZED:
        if inner.get(key):
            raise ValueError(
                f"layer {inner.get('name')!r} is quantized ({key}={inner[key]!r}), which is not "
                "supported. Save the model before quantize() or enable_lora() is called."
            )
    if value["class_name"] == "Discretization" and inner.get("bin_boundaries") is not None:
        inner["num_bins"] = None  # Keras 3 tells both once the boundaries are learned
        if isinstance(value.get("num_bins"), int):  # torchkeras has what was learned beside
            inner |= {"bin_boundaries": None, "num_bins": value["num_bins"]}
    module = str(value.get("module") or "keras")
    of_optimizers = ".optimizers" in module and "schedules" not in module
    if of_optimizers or "loss_scale_factor" in inner:
        inner.setdefault("is_legacy_optimizer", "legacy" in module)
    for key in _NONE_IN_3:
        if key in inner and inner[key] is None:
            del inner[key]
    found = TABLE.objects.get(value["class_name"])
    if found is None or not module.startswith("keras"):
        return
    known = {*constructor_parameters(found), *constructor_parameters(Layer)}
    for old, new in _RENAMED.get(value["class_name"], {}).items():
        if old in inner and old not in known:
            inner[new] = inner.pop(old)
    for key in [key for key in inner if key not in known and key in _ONLY_IN_3]:
        if inner[key] == _ONLY_IN_3[key] or key == "seed":
            del inner[key]
    if value["class_name"] == "TextVectorization" and inner.get("output_mode") == "int":
        inner.pop("vocabulary_size", None)


def _is_operation(value, inner):
    """Whether an entry is a function of `keras.ops`; HDF5 files do not tell its module."""
    if str(value.get("module") or "").startswith(_OPERATIONS):
        return True
    calls = value.get("inbound_nodes")
    told = isinstance(calls, list) and any(isinstance(c, dict) and "args" in c for c in calls)
    is_layer = "trainable" in inner or "output_mode" in inner  # some that look values up lack it
    return told and "module" not in value and not is_layer


def _operation(value):
    """A function of `keras.ops` between layers."""
    inner = dict(value["config"])
    config = {"name": inner.pop("name", None), "function": to_snake_case(value["class_name"])}
    return {**value, "class_name": KerasOperation.__name__, "config": {**config, "settings": inner}}


# --- for `.keras` files ----------------------------------------------------------------------

_OFF = {  # settings that one of tf.keras 2.15 and Keras 3 refuses; left out where they are off
    "groups": [1],
    "implementation": [0, 1, 2],
    "input_length": [None],
    "is_legacy_optimizer": [False],
    "jit_compile": [False, True],
    "optional": [False],
    "time_major": [False],
    "trainable": [True],
}
_TOLD_ELSEWHERE = {  # settings that follow from others
    "SpatialDropout1D": ("noise_shape",),
    "SpatialDropout2D": ("noise_shape",),
    "SpatialDropout3D": ("noise_shape",),
    "SeparableConv1D": ("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv2D": ("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
}


_OF_2 = {"MultiHeadAttention": ("query_shape", "key_shape", "value_shape")}  # 3 refuses them


def has_other_meaning(value: Any) -> bool:
    """Whether a config names the hard sigmoid of Keras 2, which Keras 3 computes otherwise."""
    if isinstance(value, dict):
        return any(map(has_other_meaning, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(has_other_meaning, value))
    return value == "hard_sigmoid"


def for_archives(value: Any, version: int) -> Any:
    """A config of a model in the one spelling that tf.keras 2.15 and Keras 3 both read.

    `version` decides where there is none: 2.15 insists on settings that 3 refuses.
    """
    if isinstance(value, (list, tuple)):
        return [for_archives(item, version) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: for_archives(item, version) for key, item in value.items()}
    name, module, inner = value.get("class_name"), str(value.get("module")), value.get("config")
    if name == "Lambda" and version == 3 and module == "keras.layers":
        value["config"] = inner = _lambda_of_3(inner)
    if name is None or not isinstance(inner, dict) or module.split(".")[0] != "keras":
        return value
    value["registered_name"] = None
    if name == "Functional":
        config = _with_calls_for_both(inner, version)
        return value | {"module": "keras", "class_name": "Model", "config": config}
    unread = {key for key, off in _OFF.items() if key in inner and inner[key] in off}
    unread.update(_TOLD_ELSEWHERE.get(name, ()))
    unread.update(_OF_2.get(name, ()) if version == 3 else ())
    if name != "InputLayer":
        unread.add("batch_input_shape")
    if "name" in inner and inner["name"] is None and "schedules" in module:
        inner["name"] = name  # Keras 3 fails without one
    if module == "keras.losses":
        unread.add("fn")
        if inner.get("reduction") == "auto":
            inner["reduction"] = "sum_over_batch_size"
    if name == "BatchNormalization" and isinstance(inner.get("axis"), list):
        inner["axis"] = inner["axis"][0] if len(inner["axis"]) == 1 else inner["axis"]
    value["config"] = {key: item for key, item in inner.items() if key not in unread}
    return value


def _lambda_of_3(inner):
    """The config of a Lambda, whose functions Keras 2 describes by three entries each."""
    kept = {key: item for key, item in inner.items() if not key.endswith(("_type", "module"))}
    for key in ("function", "output_shape", "mask"):
        kind = inner.get(f"{key}_type")
        if kind == "function":
            kept[key] = function_config(inner[key])
        elif kind == "lambda":
            kept[key] = code = bytecode.encoded(inner[key])
            if isinstance(code, list):  # as a whole: apart, it takes no list of defaults
                told = {"code": code if code[1] else code[0], "defaults": None}
                told["closure"] = None if code[1] else code[2]
                kept[key] = {"class_name": "__lambda__", "config": told}
    arguments = {key: _array_of_3(item) for key, item in inner["arguments"].items()}
    return {**kept, "arguments": arguments}


def _array_of_3(item):
    if isinstance(item, dict) and item.get("type") == "ndarray":
        inner = {"value": item["value"], "dtype": "float32"}
        return {"class_name": "__numpy__", "config": inner}
    return item


def _with_calls_for_both(config, version):
    """The calls of a model's layers, such that both count them alike.

    Keras 2 counts the call that made a nested model, Keras 3 does not. With each call of it written
    twice, the number 2n - 1 is the n-th call (from 1) in the eyes of both.
    """
    nested = {entry["name"] for entry in config["layers"] if "layers" in entry["config"]}

    def renumbered(value):
        if is_place(value):
            name, number, *rest = value
            number = 2 * number - 1 if name in nested else number
            return [name, number, *(renumbered(item) for item in rest)]
        if isinstance(value, list):
            return [renumbered(item) for item in value]
        if isinstance(value, dict):
            return {key: renumbered(item) for key, item in value.items()}
        return value

    layers = []
    for entry in config["layers"]:
        if version == 2 and entry["class_name"] == "KerasOperation":
            entry = for_tensorflow(entry)
        calls = [renumbered(call) for call in entry["inbound_nodes"]]
        if entry["name"] in nested:
            calls = [call for call in calls for _ in range(2)]
        if version == 3:
            with_state = str(entry["class_name"]).endswith(_WITH_STATE)
            calls = [_call_of_3(call, with_state) for call in calls]
        entry = {**entry, "inbound_nodes": calls}
        layers.append(for_keras_3(entry) if version == 3 else entry)
    ends = {key: renumbered(config[key]) for key in ("input_layers", "output_layers")}
    return {**config, "layers": layers, **ends}


_WITH_STATE = ("RNN", "LSTM", "GRU", "LSTM1D", "LSTM2D", "LSTM3D", "Bidirectional")


def _call_of_3(call, with_state):
    """A call with tensors among its other arguments, which Keras 3 wants written its own way.

    The states that a recurrent layer begins with follow its input in Keras 2.
    """
    kwargs = call[0][3] if isinstance(call, list) and call and len(call[0]) > 3 else {}
    if with_state and isinstance(call, list) and len(call) > 1:
        call, states = call[:1], call[1:]
        kwargs = {**kwargs, "initial_state": states}
    if not isinstance(kwargs, dict) or not _has_places(list(kwargs.values())):
        return call
    inputs = [tensor_of_3(place) for place in call]
    args = [inputs[0] if len(inputs) == 1 else inputs]
    return {"args": args, "kwargs": {key: _tensors_of_3(item) for key, item in kwargs.items()}}


def _tensors_of_3(value):
    if is_place(value):
        return tensor_of_3(value)
    return [_tensors_of_3(item) for item in value] if isinstance(value, list) else value


def _has_places(value):
    return is_place(value) or (isinstance(value, list) and any(map(_has_places, value)))
