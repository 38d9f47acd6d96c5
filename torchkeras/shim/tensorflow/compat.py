"""`tf.compat`: the names of TensorFlow 1 that scripts for TensorFlow 2 still use."""

from __future__ import annotations

import logging as python_logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...legacy.backend import Session
from . import early
from .calls import EARLY, Namespace, refused
from .early import Early
from .places import get_logger

_here = sys.modules[__package__]
_log = get_logger()
logging = Namespace(
    "logging",
    set_verbosity=_log.setLevel,
    get_verbosity=lambda: _log.level,
    **{name: getattr(_log, name) for name in "debug info warning error fatal log".split()},
    warn=_log.warning,
    **{name: getattr(python_logging, name) for name in "DEBUG INFO WARN ERROR FATAL".split()},
)


def _as_text(value: Any, encoding: str = "utf-8") -> str:
    return value.decode(encoding) if isinstance(value, bytes) else value


def _as_bytes(value: Any, encoding: str = "utf-8") -> bytes:
    return value.encode(encoding) if isinstance(value, str) else value


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Without effect."""


class _Settings:
    """Settings of a session, which nothing reads."""

    def __init__(self, *args: Any, **kwargs: Any):
        self.__dict__.update(kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.__dict__[name] = _Settings()
        return self.__dict__[name]


def _assigned(name):
    """`assign(variable, value)`, which is a method today."""

    def assign(ref: Any, value: Any, *args: Any, **options: Any) -> Any:
        return getattr(ref, name)(value)

    assign.__name__ = name
    return assign


def _global_step(graph: Any = None) -> Any:
    """A counter of steps."""
    if not _step:
        _step.append(_here.Variable(0, trainable=False, dtype="int64"))
    return _step[0]


_step: list[Any] = []


@contextmanager
def _scope(*args: Any, **options: Any) -> Iterator[None]:
    """A block; names of weights are those of layers."""
    yield


_SESSIONS = "there are no graphs; call the model, or functions, on data."


class _Version(Early):
    """What a version has itself, then what `tf` has."""

    def __getattr__(self, name: str) -> Any:
        if name in ("Summary", "SummaryMetadata"):  # messages of TensorBoard's files
            from tensorboard.compat.proto import summary_pb2

            return getattr(summary_pb2, name)
        return super().__getattr__(name)


v1 = _Version(
    "compat.v1",
    _here,
    early.MOVED,
    logging=logging,
    Session=lambda *args, **kwargs: Session(),
    InteractiveSession=lambda *args, **kwargs: Session(),
    ConfigProto=_Settings,
    GPUOptions=_Settings,
    global_variables_initializer=_nothing,
    local_variables_initializer=_nothing,
    tables_initializer=_nothing,
    disable_eager_execution=_nothing,
    enable_eager_execution=_nothing,
    disable_v2_behavior=_nothing,
    enable_v2_behavior=_nothing,
    enable_resource_variables=_nothing,
    disable_v2_tensorshape=_nothing,
    reset_default_graph=_nothing,
    set_random_seed=_here.random.set_seed,
    placeholder=refused("compat.v1.placeholder", _SESSIONS),
    get_default_graph=lambda: _Settings(),
    get_default_session=lambda: Session(),
    executing_eagerly=lambda: True,
    to_float=lambda x, name=None: _here.cast(x, "float32"),
    to_int32=lambda x, name=None: _here.cast(x, "int32"),
    to_int64=lambda x, name=None: _here.cast(x, "int64"),
    random_normal=_here.random.normal,
    random_uniform=_here.random.uniform,
    log=_here.math.log,
    div=_here.math.divide,
    floor_div=_here.math.floordiv,
    ceil=_here.math.ceil,
    is_nan=_here.math.is_nan,
    matrix_inverse=_here.linalg.inv,
    get_variable=refused("compat.v1.get_variable", "make a tf.Variable, or layer.add_weight."),
    **{name: _assigned(name) for name in ("assign", "assign_add", "assign_sub")},
    get_or_create_global_step=_global_step,
    get_global_step=_global_step,
    variable_scope=_scope,
    name_scope=_scope,
    AUTO_REUSE=True,
    no_op=_nothing,
    VERSION=_here.__version__,
    data=Early(
        "compat.v1.data",
        _here.data,
        {},
        make_one_shot_iterator=lambda dataset: iter(dataset),
        Dataset=_here.data.Dataset,
        get_output_shapes=lambda dataset: dataset.element_spec,
    ),
    gfile=Early("compat.v1.gfile", _here.io.gfile, early.FILES),
    image=Early("compat.v1.image", _here.image, {}, **early.IMAGE),
    nn=Early("compat.v1.nn", _here.nn, early.MOVED_IN_NN),
    train=Early("compat.v1.train", _here.train, {}, **early.TRAIN),
    Print=early.print_,
    extract_image_patches=early.extract_image_patches,
)
v1.__dict__["keras"] = _here.keras
EARLY.update(
    {"tensorflow": v1} | {f"tensorflow.{part}": getattr(v1, part) for part in
                          ("image", "nn", "train", "data")}
)  # fmt: skip
v2 = _Version("compat.v2", _here, {}, keras=_here.keras)
compat = Namespace(
    "compat",
    v1=v1,
    v2=v2,
    as_text=_as_text,
    as_str=_as_text,
    as_str_any=lambda value: _as_text(value) if isinstance(value, bytes) else str(value),
    as_bytes=_as_bytes,
    path_to_str=lambda path: str(path),
    forward_compatible=lambda *args: True,
)
