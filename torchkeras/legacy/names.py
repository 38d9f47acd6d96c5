"""Functions and classes by the names they once had.

A name is looked up here only when the module of today has no such name, so present code never
comes this way.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from .warning import deprecated

_ROOT = __name__.split(".")[0]

# module: {old name: place of the present object below the package}
NAMES: dict[str, dict[str, str]] = {
    "layers": {
        "Deconvolution2D": "legacy.layers.Deconvolution2D",
        "Deconvolution3D": "layers.Conv3DTranspose",
        "Deconv2D": "layers.Conv2DTranspose",
        "Deconv3D": "layers.Conv3DTranspose",
        "AtrousConvolution1D": "legacy.layers.AtrousConvolution1D",
        "AtrousConvolution2D": "legacy.layers.AtrousConvolution2D",
        "AtrousConv1D": "legacy.layers.AtrousConvolution1D",
        "AtrousConv2D": "legacy.layers.AtrousConvolution2D",
        "Merge": "legacy.layers.Merge",
        "merge": "legacy.layers.merge",
        "Highway": "legacy.layers.Highway",
        "MaxoutDense": "legacy.layers.MaxoutDense",
        "ParametricSoftplus": "legacy.dropped.ParametricSoftplus",
        "SReLU": "legacy.dropped.SReLU",
        "Container": "models.Model",
        "Recurrent": "legacy.recurrent.Recurrent",
        "TimeDistributedDense": "legacy.layers.TimeDistributedDense",
        "PeepholeLSTMCell": "layers.experimental.PeepholeLSTMCell",
    },
    "models": {
        "Container": "models.Model",
        "Network": "models.Model",
    },
    "initializers": {
        "normal": "initializers.RandomNormal",
        "uniform": "initializers.RandomUniform",
        "one": "initializers.Ones",
        "zero": "initializers.Zeros",
        "he_normal_v2": "initializers.HeNormal",
        "_compute_fans": "initializers.drawn.fans",
        "OrthogonalInitializer": "initializers.Orthogonal",
        "IdentityInitializer": "initializers.Identity",
        "RandomNormalV2": "initializers.RandomNormal",
        "GlorotUniformV2": "initializers.GlorotUniform",
    },
    "regularizers": {
        "l1l2": "regularizers.L1L2",
        "WeightRegularizer": "regularizers.L1L2",
        "ActivityRegularizer": "regularizers.L1L2",
        "activity_l1": "regularizers.L1",
        "activity_l2": "regularizers.L2",
        "activity_l1l2": "regularizers.L1L2",
    },
    "constraints": {
        "maxnorm": "constraints.MaxNorm",
        "unitnorm": "constraints.UnitNorm",
        "nonneg": "constraints.NonNeg",
    },
    "activations": {"softmax_v2": "activations.softmax"},
    "metrics": {"matthews_correlation": "legacy.backend.matthews_correlation"},
    "backend": {
        "get_session": "legacy.backend.get_session",
        "set_session": "legacy.backend.set_session",
        "image_dim_ordering": "legacy.backend.image_dim_ordering",
        "set_image_dim_ordering": "legacy.backend.set_image_dim_ordering",
        "is_placeholder": "legacy.backend.is_placeholder",
        "identity": "legacy.backend.identity",
        "is_tensor": "legacy.backend.is_tensor",
        "get_variable_shape": "backend.int_shape",
        "control_dependencies": "legacy.backend.control_dependencies",
        "track_variable": "legacy.backend.identity",
        "symbolic_learning_phase": "backend.learning_phase",
        "normalize_data_format": "legacy.conv_utils.normalize_data_format",
        "_to_tensor": "legacy.backend.to_tensor",
        "tf": "shim.tensorflow",
        "lesser": "backend.less",
        "lesser_equal": "backend.less_equal",
        "slice": "legacy.backend.slice",
        "size": "legacy.backend.size",
        "is_variable": "legacy.backend.is_variable",
        "_get_available_gpus": "legacy.backend.available_gpus",
    },
    "applications.mobilenet": {
        "relu6": "activations.relu6",
        "DepthwiseConv2D": "layers.DepthwiseConv2D",
    },
    "preprocessing.image": {
        name: f"legacy.images.{name}"
        for name in ("apply_transform", "transform_matrix_offset_center", "list_pictures")
    },
    "preprocessing.text": {"base_filter": "legacy.models.base_filter"},
    "applications": {
        "get_submodules_from_kwargs": "legacy.models.get_submodules_from_kwargs",
        "set_keras_submodules": "legacy.models.set_keras_submodules",
        **{
            f"_KERAS_{part}": "legacy.models.NOT_SET"
            for part in ("BACKEND", "LAYERS", "MODELS", "UTILS")
        },
    },
    "applications.imagenet_utils": {"_obtain_input_shape": "legacy.conv_utils.obtain_input_shape"},
    "saving": {
        "serialize_keras_object": "legacy.objects.serialize_keras_object",
        "deserialize_keras_object": "legacy.objects.deserialize_keras_object",
    },
    "utils": {
        "serialize_keras_object": "legacy.objects.serialize_keras_object",
        "deserialize_keras_object": "legacy.objects.deserialize_keras_object",
        "multi_gpu_model": "legacy.models.multi_gpu_model",
        "get_from_module": "legacy.models.get_from_module",
        "accuracy": "legacy.backend.categorical_accuracy_of_labels",
        "print_summary": "legacy.models.print_summary",
        "plot": "utils.plot_model",
        "to_list": "legacy.models.to_list",
        "path_to_string": "legacy.models.path_to_string",
        "get_source_inputs": "legacy.models.get_source_inputs",
        "has_arg": "legacy.models.has_arg",
        "convert_all_kernels_in_model": "legacy.models.convert_all_kernels_in_model",
    },
}


def enter() -> None:
    """Give each module that lost names a `__getattr__` that knows them."""
    for path, table in NAMES.items():
        module = sys.modules.get(f"{_ROOT}.{path}")
        if module is not None:
            module.__dict__["__getattr__"] = _fallback(module, path, table)


def _fallback(module, path, table):
    before = module.__dict__.get("__getattr__")

    def __getattr__(name: str) -> Any:
        place = table.get(name)
        if place is None or place == f"{path}.{name}":
            if before is not None:
                return before(name)
            raise AttributeError(
                f"module {module.__name__!r} has no attribute {name!r}; docs/compatibility.md "
                "lists what it has.",
                name=name,
            )
        owner, _, attribute = place.rpartition(".")
        value = getattr(importlib.import_module(f"{_ROOT}.{owner}"), attribute)
        if not place.startswith("legacy."):  # those tell by themselves, when they are called
            deprecated(f"keras.{path}.{name}", f"keras.{place}")
        return value

    return __getattr__
