"""Paths of modules that Keras once had: which module of today has their names.

An old module is an object that looks its names up in those of today, so classes are the same
objects under every path. It is imported like any other: `torchkeras.utils.np_utils`, and inside
the shim `keras.utils.np_utils`.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

from .warning import deprecated

# old path below the package: present path; the names of the old module are those of the present
MODULES = {
    "utils.np_utils": "utils",
    "utils.vis_utils": "utils",
    "utils.visualize_util": "utils",
    "utils.data_utils": "utils",
    "utils.generic_utils": "utils",
    "utils.layer_utils": "utils",
    "utils.conv_utils": "utils",
    "utils.io_utils": "utils",
    "utils.image_utils": "utils",
    "utils.tf_utils": "utils",
    "utils.losses_utils": "losses",
    "utils.metrics_utils": "metrics",
    "utils.training_utils": "utils",
    "utils.multi_gpu_utils": "utils",
    "utils.test_utils": "utils",
    "utils.all_utils": "utils",
    "layers.convolutional": "layers",
    "layers.convolutional.conv1d": "layers",
    "layers.convolutional.conv2d": "layers",
    "layers.convolutional.conv3d": "layers",
    "layers.convolutional.base_conv": "layers",
    "layers.pooling": "layers",
    "layers.normalization": "layers",
    "layers.normalization.batch_normalization": "layers",
    "layers.normalization.layer_normalization": "layers",
    "layers.recurrent_v2": "layers",
    "layers.embeddings": "layers",
    "layers.advanced_activations": "layers",
    "layers.local": "layers",
    "layers.convolutional_recurrent": "layers",
    "layers.cudnn_recurrent": "layers",
    "layers.dense_attention": "layers",
    "layers.einsum_dense": "layers",
    "layers.kernelized": "layers",
    "layers.multi_head_attention": "layers",
    "layers.merging": "layers",
    "layers.regularization": "layers",
    "layers.reshaping": "layers",
    "layers.activation": "layers",
    "layers.serialization": "layers",
    "layers.preprocessing": "layers",
    "layers.preprocessing.image_preprocessing": "layers",
    "layers.preprocessing.text_vectorization": "layers",
    "layers.rnn_cell_wrapper_v2": "layers",
    "engine": "layers",
    "engine.topology": "layers",
    "engine.base_layer": "layers",
    "engine.base_layer_v1": "layers",
    "engine.input_layer": "layers",
    "engine.input_spec": "layers",
    "engine.network": "models",
    "engine.training": "models",
    "engine.functional": "models",
    "engine.sequential": "models",
    "engine.saving": "models",
    "engine.keras_tensor": "backend",
    "engine.data_adapter": "utils",
    "models.cloning": "models",
    "applications.mobilenetv2": "applications.mobilenet_v2",
    "premade": "experimental",
    "objectives": "losses",
    "initializations": "initializers",
    "initializers.initializers_v1": "initializers",
    "initializers.initializers_v2": "initializers",
    "optimizers.adam": "optimizers",
    "optimizers.sgd": "optimizers",
    "optimizers.rmsprop": "optimizers",
    "optimizers.adagrad": "optimizers",
    "optimizers.adadelta": "optimizers",
    "optimizers.adamax": "optimizers",
    "optimizers.nadam": "optimizers",
    "optimizers.ftrl": "optimizers",
    "optimizers.legacy.adam": "optimizers.legacy",
    "optimizers.legacy.sgd": "optimizers.legacy",
    "optimizers.legacy.rmsprop": "optimizers.legacy",
    "optimizers.optimizer": "optimizers",
    "optimizers.optimizer_v2": "optimizers.legacy",
    "optimizers.learning_rate_schedule": "optimizers.schedules",
    "optimizers.schedules.learning_rate_schedule": "optimizers.schedules",
    "optimizer_v2": "optimizers.legacy",
    "optimizer_v2.learning_rate_schedule": "optimizers.schedules",
    "optimizer_v2.optimizer_v2": "optimizers.legacy",
    "callbacks.callbacks": "callbacks",
    "callbacks.tensorboard_v1": "callbacks",
    "callbacks_v1": "callbacks",
    "backend.tensorflow_backend": "backend",
    "backend.load_backend": "backend",
    "backend.common": "backend",
    "backend_config": "backend",
    "losses.losses": "losses",
    "metrics.metrics": "metrics",
    "saving.save": "models",
    "saving.hdf5_format": "models",
    "saving.model_config": "models",
    "saving.object_registration": "utils",
    "saving.saving_api": "models",
    "saving.saving_lib": "models",
    "saving.legacy.hdf5_format": "models",
    "preprocessing.image.image": "preprocessing.image",
    "preprocessing.image_dataset": "utils",
    "preprocessing.text_dataset": "utils",
    "preprocessing.timeseries": "utils",
}
MODULES["optimizers.optimizer_v2.optimizer_v2"] = "optimizers.legacy"
_RULES = "adam adamax adadelta adagrad ftrl gradient_descent nadam rmsprop"
MODULES |= {f"optimizer_v2.{rule}": "optimizers.legacy" for rule in _RULES.split()}
MODULES |= {f"optimizers.{rule}_v2": "optimizers" for rule in _RULES.split()}
MODULES |= {f"optimizers.optimizer_v2.{rule}": "optimizers.legacy" for rule in _RULES.split()}

# Files of ours that are called as an old module was: what they lack, the package has.
SAME_NAME = {
    "layers.core": "layers",
    "layers.noise": "layers",
    "layers.recurrent": "layers",
    "layers.merge": "layers",
    "layers.wrappers": "layers",
    "layers.attention": "layers",
    "layers.rnn": "layers",
    "losses.base": "losses",
    "metrics.base": "metrics",
    "models.model": "models",
    "models.functional": "models",
    "models.sequential": "models",
}

# Old modules with the name of an older class.
CALLED = {
    "optimizers.adam": "optimizers.Adam",
    "optimizers.sgd": "optimizers.SGD",
    "optimizers.rmsprop": "optimizers.RMSprop",
    "optimizers.adagrad": "optimizers.Adagrad",
    "optimizers.adadelta": "optimizers.Adadelta",
    "optimizers.adamax": "optimizers.Adamax",
    "optimizers.nadam": "optimizers.Nadam",
    "optimizers.ftrl": "optimizers.Ftrl",
    "layers.merge": "legacy.layers.merge",
}

_ROOT = __name__.split(".")[0]


class CallableModule(ModuleType):
    """A module with the name of what was a function: `optimizers.adam(...)`, `merge(...)`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        path = self.__name__.removeprefix(f"{_ROOT}.")
        if path not in CALLED:
            raise TypeError(f"The module {self.__name__!r} cannot be called.")
        if not CALLED[path].startswith("legacy."):  # those tell by themselves
            deprecated(f"keras.{path}", f"keras.{CALLED[path]}")
        return _find(CALLED[path])(*args, **kwargs)


class OldModule(CallableModule):
    """A module under an old path, with the names that the present one has."""

    def __init__(self, path: str, present: str):
        super().__init__(f"{_ROOT}.{path}", f"The names of keras.{present}, by an old path.")
        self.__dict__["_present"] = present
        self.__path__: list[str] = []
        self.__spec__ = importlib.machinery.ModuleSpec(self.__name__, None, is_package=True)

    def __getattr__(self, name):
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)
        present = importlib.import_module(f"{_ROOT}.{self._present}")
        if name == "__all__":
            return [n for n in dir(present) if not n.startswith("_")]
        path = self.__name__.removeprefix(f"{_ROOT}.")
        inner = sys.modules.get(f"{_ROOT}.{path}.{name}")
        if inner is not None and name not in getattr(present, "__dict__", ()):
            return inner
        place = OWN.get(path, {}).get(name)
        value = getattr(present, name) if place is None else _find(place)
        self._tell()
        return value

    def _tell(self):
        if not self.__dict__.get("_told"):
            self.__dict__["_told"] = True
            path = self.__name__.removeprefix(f"{_ROOT}.")
            deprecated(f"keras.{path}", f"keras.{self._present}")

    def __dir__(self):
        return dir(importlib.import_module(f"{_ROOT}.{self._present}"))


_READERS = {
    name: f"legacy.models.{name}"
    for name in ("load_weights_from_hdf5_group", "load_weights_from_hdf5_group_by_name")
}
# Names that an old module had and the present one has not, or has in another meaning.
OWN: dict[str, dict[str, str]] = {
    "engine.saving": _READERS,
    "saving.hdf5_format": _READERS,
    "saving.legacy.hdf5_format": _READERS,
    "engine.topology": {
        **_READERS,
        "Container": "models.Model",
        "Network": "models.Model",
        "get_source_inputs": "legacy.models.get_source_inputs",
        "Node": "graph.Node",
    },
    "engine.network": {
        "Network": "models.Model",
        "get_source_inputs": "legacy.models.get_source_inputs",
    },
    "engine.training": {"_make_batches": "legacy.models.make_batches"},
    "engine": {"Model": "models.Model", "Sequential": "models.Sequential"},
    "engine.base_layer": {"Node": "graph.Node", "disable_tracking": "legacy.models.keep"},
    "engine.data_adapter": {"expand_1d": "legacy.backend.expand_1d"},
    "engine.keras_tensor": {"KerasTensor": "graph.KerasTensor"},
    "initializations": {
        name: f"legacy.initializations.{name}"
        for name in "normal uniform zero one glorot_normal glorot_uniform he_normal he_uniform "
        "lecun_uniform orthogonal identity get".split()
    },
    "optimizer_v2.gradient_descent": {"SGD": "optimizers.legacy.SGD"},
    "utils.generic_utils": {
        "serialize_keras_object": "legacy.objects.serialize_keras_object",
        "deserialize_keras_object": "legacy.objects.deserialize_keras_object",
        "to_list": "legacy.models.to_list",
    },
    "utils.conv_utils": {
        name: f"legacy.conv_utils.{name}"
        for name in "normalize_tuple normalize_padding normalize_data_format conv_output_length "
        "conv_input_length deconv_output_length deconv_length convert_kernel".split()
    },
    "utils.layer_utils": {
        "print_summary": "legacy.models.print_summary",
        "count_params": "summary.count_params",
    },
    "utils.np_utils": {"categorical_probas_to_classes": "legacy.backend.categories_of"},
    "utils.tf_utils": {
        "shape_type_conversion": "legacy.models.keep",
        "is_symbolic_tensor": "backend.is_keras_tensor",
        "is_tensor_or_variable": "legacy.backend.is_tensor",
    },
    "backend.common": {"_EPSILON": "legacy.backend.EPSILON"},
    "layers.merge": {"_Merge": "legacy.layers._Merge"},
    "layers.recurrent": {
        "Recurrent": "legacy.recurrent.Recurrent",
        "_time_distributed_dense": "legacy.recurrent.time_distributed_dense",
    },
    "layers.pooling": {
        "_GlobalPooling2D": "layers.pool.GlobalPooling",
    },
    "optimizer_v2.optimizer_v2": {"OptimizerV2": "optimizers.legacy.Optimizer"},
    "optimizers.optimizer_v2.optimizer_v2": {"OptimizerV2": "optimizers.legacy.Optimizer"},
    "layers.convolutional.base_conv": {"Conv": "layers.conv.Conv"},
    "utils.losses_utils": {"ReductionV2": "losses.Reduction"},
}


def _find(place):
    """The object at a dotted place below the package."""
    module, _, name = place.rpartition(".")
    return getattr(importlib.import_module(f"{_ROOT}.{module}"), name)


def present_path(path: str) -> str | None:
    """The present path of an old one, both below the package; None for what is not old.

    >>> present_path("utils.np_utils"), present_path("utils")
    ('utils', None)
    """
    return MODULES.get(path) or SAME_NAME.get(path)


def enter() -> None:
    """Put the old modules where `import` finds them, and what files lack behind their names."""
    for path, present in (MODULES | SAME_NAME).items():
        name = f"{_ROOT}.{path}"
        module = sys.modules.get(name)
        if module is None and path in MODULES:
            sys.modules[name] = OldModule(path, present)
            _show_in_parent(path)
        elif module is not None and not isinstance(module, OldModule):
            module.__dict__["__getattr__"] = _fallback(module.__name__, path, present)
            if path in CALLED:
                module.__class__ = CallableModule


def _show_in_parent(path):
    parent, _, name = path.rpartition(".")
    owner = sys.modules.get(f"{_ROOT}.{parent}" if parent else _ROOT)
    if owner is not None and not hasattr(owner, "__path__"):
        owner.__path__ = []  # import looks below packages only
    if owner is not None and not isinstance(owner, OldModule) and not hasattr(owner, name):
        setattr(owner, name, sys.modules[f"{_ROOT}.{path}"])


def _fallback(module, path, present):
    def __getattr__(name):
        if name in OWN.get(path, ()):
            return _find(OWN[path][name])
        if not name.startswith("_"):
            package = importlib.import_module(f"{_ROOT}.{present}")
            if hasattr(package, name):
                return getattr(package, name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)

    return __getattr__
