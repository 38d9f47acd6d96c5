"""Layers of Keras 1 in the classes of Keras 2; arguments keep their names, which layers know."""

from __future__ import annotations

from typing import Any

from ... import tree

_JOINING = {
    "sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "min": "Minimum",
    "concat": "Concatenate", "dot": "Dot", "cos": "CosinesOfKeras1",
    "cosines": "Dot",
}  # fmt: skip
_CLASSES = {
    "AtrousConvolution1D": "Conv1D", "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "SeparableConvolution2D": "SeparableConv2D", "Deconvolution2D": "Conv2DTranspose",
    "TimeDistributedDense": "Dense",
}  # fmt: skip
_PENALTIES = ("WeightRegularizer", "ActivityRegularizer", "L1L2Regularizer")
_WITHOUT_ORDER = (
    "Cropping2D", "Cropping3D", "SpatialDropout2D", "SpatialDropout3D", "UpSampling2D",
    "UpSampling3D", "ZeroPadding2D", "ZeroPadding3D",
)  # fmt: skip
_SIGNS = {  # arguments that Keras 2 has not
    "init", "W_regularizer", "W_constraint", "dim_ordering", "input_dtype", "nb_filter", "bias",
    "border_mode", "p", "sigma", "mode", "beta_init", "pool_length", "atrous_rate", "length",
    "inner_init", "dropout_W",
}  # fmt: skip


_LAYERS = frozenset(  # a layer of the user's may have the same words in its config
    "InputLayer Dense Activation Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D "
    "Flatten Reshape Permute RepeatVector Masking Lambda Highway MaxoutDense "
    "ActivityRegularization Embedding MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D "
    "AveragePooling2D AveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D "
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D ZeroPadding1D "
    "ZeroPadding2D ZeroPadding3D UpSampling1D UpSampling2D UpSampling3D Cropping1D Cropping2D "
    "Cropping3D Conv1D Conv2D Conv3D SeparableConv2D Conv2DTranspose LocallyConnected1D "
    "LocallyConnected2D SimpleRNN GRU LSTM ConvLSTM2D BatchNormalization GaussianNoise "
    "GaussianDropout LeakyReLU PReLU ELU ThresholdedReLU SReLU ParametricSoftplus "
    "TimeDistributed Bidirectional".split()
)


def is_of_keras_1(name: str, config: dict[str, Any]) -> bool:
    """Whether an entry is spelled as Keras 1 spells it."""
    if name in _CLASSES or name == "Merge":
        return True
    return name in _LAYERS and not _SIGNS.isdisjoint(config)


def as_keras_2(name: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Class and config of one layer."""
    if name == "Merge":
        return _joining(config)
    config = {key: _part(key, value) for key, value in config.items()}
    dtype = config.pop("input_dtype", None) or "float32"  # that of what comes, not of weights
    if name == "InputLayer" or dtype.startswith("float"):
        config.setdefault("dtype", dtype)
    if name == "Deconvolution2D":
        config.pop("output_shape", None)
    if "atrous_rate" in config and name.startswith("Atrous"):
        config["dilation_rate"] = config.pop("atrous_rate")
    if name.startswith("ZeroPadding"):
        config["padding"] = _padding(config.get("padding"))
    if name.startswith("SeparableConv"):
        init = config.pop("init", None) or "glorot_uniform"
        config |= {f"{part}_initializer": init for part in ("depthwise", "pointwise")}
    if name != "Embedding":  # told by batch_input_shape, where this is a first layer
        for key in ("input_dim", "input_length"):
            config.pop(key, None)
    if name == "BatchNormalization" and not config.get("mode"):
        config.pop("mode", None)
    elif name == "BatchNormalization":
        name = "NormalizationOfKeras1"
        for old in ("gamma_init", "beta_init"):
            config[f"{old}ializer"] = config.pop(old, None) or _ONES_AND_ZEROS[old]
    return _CLASSES.get(name, name), config


_ONES_AND_ZEROS = {"gamma_init": "ones", "beta_init": "zeros"}


_SIDES = ("left_pad", "right_pad"), ("top_pad", "bottom_pad", "left_pad", "right_pad")


def _padding(value):
    """Sides by name, or four of them in a row, as pairs for each axis."""
    if isinstance(value, dict):
        value = [value.get(side, 0) for side in _SIDES[len(value) > 2 or "top_pad" in value]]
    if isinstance(value, list) and len(value) == 4:
        return [value[:2], value[2:]]
    return value


def _part(key, value):
    """A regularizer or constraint, which Keras 1 writes without a config of its own."""
    if not isinstance(value, dict) or "class_name" in value or "name" not in value:
        return value
    settings = {k: v for k, v in value.items() if k != "name"}
    name = "L1L2" if value["name"] in _PENALTIES else value["name"]
    if name == "MaxNorm" and "m" in settings:
        settings["max_value"] = settings.pop("m")
    return {"class_name": name, "config": settings}


def _joining(config):
    """What joins tensors: a layer by the name of its mode, a Lambda where that is code."""
    mode, kind = config.get("mode"), config.get("mode_type", "raw")
    found = {"name": config.get("name")}
    if kind != "raw":
        found |= {"function": mode, "function_type": kind, "arguments": config.get("arguments")}
        for key in ("output_shape", "output_shape_type"):
            if config.get(key) is not None:
                found[key] = config[key]
        return "Lambda", found
    if mode not in _JOINING:
        raise ValueError(f"layer {config.get('name')!r} merges by {mode!r}, which is not known.")
    if mode == "concat":
        found["axis"] = config.get("concat_axis", -1)
    if mode in ("dot", "cos", "cosines"):
        axes = config.get("dot_axes", -1)
        if isinstance(axes, list) and axes and isinstance(axes[0], list):
            axes = [axis[0] for axis in axes]
        found |= {"axes": axes, "normalize": mode != "dot"}
    return _JOINING[mode], found


def completed(config: Any) -> Any:
    """`config` with what Keras 1 left out of layers, as far as the others of the model tell it.

    Where all that tell their order have their channels first, that was the default of the computer.
    Without a word of Keras 1 a Merge is the one that Keras 2.0 to 2.2 still had.
    """
    entries = [entry for entry in tree.dicts(config) if isinstance(entry.get("config"), dict)]
    inners = [entry["config"] for entry in entries if "trainable" in entry["config"]]
    if {inner["dim_ordering"] for inner in inners if "dim_ordering" in inner} == {"th"}:
        for entry in entries:
            if entry.get("class_name") in _WITHOUT_ORDER:
                entry["config"].setdefault("dim_ordering", "th")
    merges = [entry["config"] for entry in entries if entry.get("class_name") == "Merge"]
    if all(_SIGNS.isdisjoint(inner) for inner in inners if inner not in merges):
        for inner in merges:
            inner["mode"] = "cosines" if inner.get("mode") == "cos" else inner.get("mode")
    return config
