"""`tensorflow.python`: TensorFlow's inner modules, as far as scripts and packages import them.

Each is a view of public names: `tensorflow.python.ops.math_ops` has what `tf` and `tf.math` have.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections import namedtuple
from contextlib import nullcontext
from typing import Any

import torch

from ... import initializers
from .calls import Namespace, missing, refused
from .compat import v1
from .places import get_logger, list_physical_devices

_tf = sys.modules[__package__]


class _View(Namespace):
    """Names of its own, then those that some public modules have."""

    def __init__(self, path: str, *homes: Any, **own: Any):
        super().__init__(f"python.{path}" if path else "python", **own)
        self.__dict__["_homes"] = homes

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            for home in self._homes:
                found = getattr(home, name, None)
                if found is not None:
                    return found
        raise missing(f"{self.__name__}.{name}")


def _keep(*args: Any, **kwargs: Any) -> Any:
    """A decorator, with or without arguments, that changes nothing."""
    if len(args) == 1 and not kwargs and inspect.isfunction(args[0]):
        return args[0]
    return lambda thing: thing


def _smart_cond(pred: Any, true_fn: Any = None, false_fn: Any = None, name: Any = None) -> Any:
    return true_fn() if pred else false_fn()


def _size(dimension: Any) -> int | None:
    return None if dimension is None else int(dimension)


Device = namedtuple("Device", "name device_type memory_limit physical_device_desc")


def _list_local_devices(session_config: Any = None) -> list[Device]:
    return [
        Device(d.name.replace("physical_device", "device"), d.device_type, 0, f"device: {d.name}")
        for d in list_physical_devices()
    ]


class DistributedVariable:
    """Named for isinstance: variables are whole here."""


_random = _tf.random
_random_names = {f"random_{name}": getattr(_random, name) for name in "normal uniform".split()}
_random_names |= {
    "truncated_normal": _random.truncated_normal,
    "random_shuffle": _random.shuffle,
    "multinomial": _random.categorical,
}
_initializers = {
    "glorot_normal_initializer": initializers.GlorotNormal,
    "glorot_uniform_initializer": initializers.GlorotUniform,
    **{name: value for name, value in vars(_tf).items() if name.endswith("_initializer")},
}
_GRAPHS = "there are no graphs; models and functions run as they are."

# By package: what a module is made of. A name on the left may stand for several modules.
_TABLES: dict[str, dict[str, tuple[tuple, dict[str, Any]]]] = {
    "ops": {
        "math_ops gen_math_ops": ((_tf, _tf.math, v1), {}),
        "array_ops gen_array_ops array_ops_stack clip_ops sort_ops manip_ops": ((_tf, v1), {}),
        "nn nn_ops nn_impl gen_nn_ops": ((_tf.nn, _tf.math), {}),
        "image_ops image_ops_impl gen_image_ops": ((_tf.image,), {}),
        "state_ops gen_state_ops": ((v1,), {}),
        "control_flow_ops cond while_loop map_fn functional_ops script_ops": ((_tf, v1), {}),
        "control_flow_util": ((), {"smart_cond": _smart_cond}),
        "random_ops gen_random_ops": ((_tf.random,), _random_names),
        "stateless_random_ops": ((_tf.random,), {}),
        "init_ops init_ops_v2": ((initializers,), _initializers),
        "variables": ((_tf,), {"VariableV1": _tf.Variable, "RefVariable": _tf.Variable}),
        "resource_variable_ops": (
            (_tf,),
            {"ResourceVariable": _tf.Variable, "BaseResourceVariable": _tf.Variable},
        ),
        "variable_scope": ((v1,), {}),
        "linalg_ops special_math_ops": ((_tf, _tf.linalg, _tf.math), {}),
        "linalg": ((_tf.linalg,), {"sparse": _View("ops.linalg.sparse", sparse=_tf.sparse)}),
        "string_ops": ((_tf.strings, _tf), {}),
        "io_ops": ((_tf.io,), {}),
        "tensor_array_ops": ((_tf,), {}),
        "check_ops": ((_tf.debugging,), {}),
        "gradients gradients_impl gradients_util": ((_tf,), {}),
        "custom_gradient": ((_tf,), {}),
        "sparse_ops": ((_tf.sparse,), {}),
        "summary_ops_v2": ((_tf.summary,), {}),
        # Imported more often than used: what they have is missing when it is asked for.
        "clustering_ops ctc_ops data_flow_ops embedding_ops gen_sparse_ops inplace_ops "
        "partitioned_variables ragged rnn_cell_impl weights_broadcast_ops": ((), {}),
        "lookup_ops": ((_tf.lookup,), {}),
        "confusion_matrix": ((_tf.math,), {}),
    },
    "framework": {
        "ops": (
            (_tf, v1),
            {
                "EagerTensor": _tf.Tensor,
                "executing_eagerly_outside_functions": lambda: True,
                "inside_function": lambda: False,
                "internal_convert_to_tensor": _tf.convert_to_tensor,
                "colocate_with": lambda *args, **kwargs: nullcontext(),
            },
        ),
        "tensor": ((_tf,), {}),
        "constant_op": ((_tf,), {}),
        "tensor_shape": (
            (_tf,),
            {
                "as_shape": _tf.TensorShape,
                "dimension_value": _size,
                "Dimension": _size,
                "dimension_at_index": lambda shape, index: shape[index],
            },
        ),
        "tensor_util": (
            (_tf,),
            {"constant_value": _tf.get_static_value, "is_tf_type": _tf.is_tensor},
        ),
        "tensor_spec": ((_tf,), {}),
        "tensor_conversion": (
            (_tf,),
            {"convert_to_tensor_v2_with_dispatch": _tf.convert_to_tensor},
        ),
        "dtypes": ((_tf, _tf.dtypes), {}),
        "errors errors_impl": ((_tf.errors,), {}),
        "random_seed": ((_tf.random,), {"get_seed": lambda seed: (None, seed)}),
        "sparse_tensor": ((_tf,), {}),
        "indexed_slices": ((_tf,), {}),
        "smart_cond": (
            (),
            {"smart_cond": _smart_cond, "smart_constant_value": _tf.get_static_value},
        ),
        "config": ((_tf.config,), {}),
        "convert_to_constants": (
            (),
            {
                name: refused(f"python.framework.convert_to_constants.{name}", _GRAPHS)
                for name in (
                    "convert_variables_to_constants_v2",
                    "convert_variables_to_constants_v2_as_graph",
                )
            },
        ),
        "graph_util": ((), {}),
    },
    "util": {
        "nest": ((_tf.nest,), {"is_sequence": _tf.nest.is_nested}),
        "tf_export": ((), {"keras_export": _keep, "tf_export": _keep}),
        "tf_inspect": ((inspect,), {}),
        "tf_contextlib": ((), {"contextmanager": __import__("contextlib").contextmanager}),
        "tf_decorator": ((), {"make_decorator": lambda target, decorated, *a, **k: decorated}),
        "deprecation": (
            (),
            dict.fromkeys(
                ("deprecated", "deprecated_args", "deprecated_arg_values", "deprecated_endpoints"),
                lambda *args, **kwargs: lambda thing: thing,
            ),
        ),
        "dispatch": ((), {"add_dispatch_support": _keep, "add_fallback_dispatch_list": _keep}),
        "compat": ((_tf.compat,), {}),
    },
    "eager": {
        "context": (
            (_tf,),
            {
                "eager_mode": nullcontext,
                "num_gpus": lambda: len(list_physical_devices("GPU")),
            },
        ),
        "def_function function polymorphic_function": ((_tf,), {}),
        "backprop": ((_tf,), {}),
        "monitoring": ((), {}),
        "tape": (
            (),
            {
                "stop_recording": torch.no_grad,
                "record_operation": refused(
                    "python.eager.tape.record_operation", "write it with tf.custom_gradient."
                ),
            },
        ),
    },
    "platform": {
        "tf_logging": ((logging, get_logger()), {"warn": logging.warning}),
        "gfile": ((_tf.io.gfile,), {"Open": _tf.io.gfile.GFile}),
        "test": ((_tf.test,), {}),
        "build_info": ((), {"build_info": _tf.sysconfig.get_build_info()}),
    },
    "client": {"device_lib": ((), {"list_local_devices": _list_local_devices})},
    "training": {
        "optimizer": ((), {"Optimizer": _tf.optimizers.Optimizer}),
        "training_util": ((v1,), {}),
        "moving_averages": (
            (),
            {
                "assign_moving_average": lambda variable, value, decay, **options: variable.assign(
                    variable * decay + value * (1 - decay)
                )
            },
        ),
        "checkpoint_management": ((_tf.train,), {}),
    },
    "checkpoint": {"checkpoint": ((_tf.train,), {})},
    "distribute": {
        "values ps_values": (
            (),
            dict.fromkeys(
                ("DistributedVariable", "AggregatingVariable", "MirroredVariable"),
                DistributedVariable,
            ),
        ),
        "distribution_strategy_context distribute_lib": ((_tf.distribute,), {}),
        "reduce_util": ((_tf.distribute,), {}),
    },
    "data": {},
    "types": {
        "core": ((_tf,), {"TensorLike": Any}),
        "trace": ((), dict.fromkeys(("TraceType", "SupportsTracingProtocol"), object)),
    },
    "layers": {"utils": ((), {"smart_cond": _smart_cond})},
    "module": {"module": ((_tf,), {})},
    "saved_model": {},
    "summary": {},
}


def _package(name):
    modules = {}
    for names, (homes, own) in _TABLES[name].items():
        for module in names.split():
            modules[module] = _View(f"{name}.{module}", *homes, **own)
    return _View(name, **modules)


python = _View("", keras=_tf.keras, **{name: _package(name) for name in _TABLES})
for _names in ("ops", "framework", "eager", "util"):  # once they stood beside each other
    for _name, _module in vars(getattr(python, _names)).items():
        if isinstance(_module, _View):
            python.__dict__.setdefault(_name, _module)
python.data.__dict__["ops"] = _View(
    "data.ops",
    dataset_ops=_View(
        "data.ops.dataset_ops",
        _tf.data,
        DatasetV1=_tf.data.Dataset,
        DatasetV2=_tf.data.Dataset,
    ),
    iterator_ops=_View(
        "data.ops.iterator_ops", OwnedIterator=_tf.data.Iterator, IteratorBase=_tf.data.Iterator
    ),
)
