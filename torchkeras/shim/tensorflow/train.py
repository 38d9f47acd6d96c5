"""`tf.train`, `tf.saved_model`, `tf.summary` and `tf.Module`: state that scripts keep."""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from ... import models
from ...layer import Layer
from ...optimizers import Optimizer
from ...precision import dtype_name
from ...saving.tensorflow import bundle, checkpoint, tracked
from ...variable import Variable
from .calls import Namespace, refused, tensor

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


class Module:
    """An object that owns the variables in its attributes, and those of modules and layers."""

    def __init__(self, name: str | None = None):
        self.__dict__["_module_name"] = name or type(self).__name__.lower()

    @property
    def name(self) -> str:
        return self.__dict__.get("_module_name", type(self).__name__.lower())

    @property
    def variables(self) -> tuple:
        return tuple({id(v): v for v in _variables(self, set())}.values())

    @property
    def trainable_variables(self) -> tuple:
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple:
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple:
        return tuple(v for v in vars(self).values() if isinstance(v, (Module, Layer)))

    @classmethod
    def with_name_scope(cls, method: Any) -> Any:
        """The method as it is."""
        return method


def _variables(thing, seen):
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, Variable):
        yield thing
    elif isinstance(thing, Layer):
        yield from thing.weights
    elif isinstance(thing, Module):
        for _, value in sorted(vars(thing).items()):
            yield from _variables(value, seen)
    elif isinstance(thing, (list, tuple)):
        for value in thing:
            yield from _variables(value, seen)
    elif isinstance(thing, dict):
        for key in sorted(thing, key=str):
            yield from _variables(thing[key], seen)


# --- checkpoints ---------------------------------------------------------------------------------


class Checkpoint:
    """Objects by name, whose values `save` writes to files and `restore` reads back.

    The files are TensorFlow's tables of arrays; the arrays of a model are numbered in the order of
    its weights. An optimizer that has no state yet takes its state when it is built.
    """

    def __init__(self, root: Any = None, **kwargs: Any):
        self.__dict__["_objects"] = dict(kwargs)
        if root is not None:
            self._objects["root"] = root
        self.__dict__["save_counter"] = Variable(
            np.array(0, "int64"), trainable=False, name="save_counter"
        )

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_objects"][name]
        except KeyError:
            raise AttributeError(f"The checkpoint has no object {name!r}.", name=name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._objects[name] = value

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Write to files that begin with exactly this path."""
        prefix = os.fspath(file_prefix)
        os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
        arrays = {"save_counter" + _VALUE: self.save_counter.numpy()}
        for name, thing in self._objects.items():
            arrays |= {f"{name}/{key}{_VALUE}": value for key, value in _state(thing, name)}
        bundle.write(prefix, arrays)
        return prefix

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Write to the path with the next number, and note it as the latest one."""
        self.save_counter.assign_add(1)
        prefix = self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter)}")
        _note(os.path.dirname(prefix), [prefix])
        return prefix

    def read(self, save_path: Any, options: Any = None) -> Status:
        """Read what `write` wrote, here or in TensorFlow."""
        prefix = os.fspath(save_path)
        file = bundle.Bundle(prefix)
        if tracked.is_tracked(file):
            return Status(prefix, *tracked.restore(file, _plain(self._objects)))
        found: dict[str, dict[str, Any]] = {}
        for key in file.keys():
            if key.endswith(_VALUE):
                name, _, rest = key.removesuffix(_VALUE).partition("/")
                found.setdefault(name, {})[rest] = file.array(key)
        missing = []
        for name, thing in self._objects.items():
            if name in found:
                _give(thing, found[name], f"{prefix}: {name}")
            elif list(_state(thing, name)):
                missing.append(name)
        return Status(prefix, missing, sorted(set(found) - set(self._objects) - {"save_counter"}))

    def restore(self, save_path: Any, options: Any = None) -> Status:
        """Read a checkpoint; with None, as `latest_checkpoint` may answer, nothing happens."""
        if save_path is None:
            return Status("no checkpoint", [], [])
        status = self.read(save_path)
        number = re.search(r"-(\d+)$", os.fspath(save_path))
        self.save_counter.assign(int(number[1]) if number else int(self.save_counter))
        return status


def _plain(thing):
    """Checkpoints in a checkpoint as dictionaries of what they hold."""
    if isinstance(thing, Checkpoint):
        thing = thing._objects
    return {k: _plain(v) for k, v in thing.items()} if isinstance(thing, dict) else thing


class Status(checkpoint.Status):
    """What `restore` answers; scripts ask it what was found."""

    def initialize_or_restore(self, session: Any = None) -> None:
        """Without effect: values are there."""

    run_restore_ops = initialize_or_restore

    def assert_nontrivial_match(self) -> Status:
        """`assert_existing_objects_matched`."""
        return self.assert_existing_objects_matched()


def _state(thing, name):
    """Keys and arrays of an object; iterators and other things have none."""
    if isinstance(thing, Variable):
        yield "0", thing.numpy()
    elif isinstance(thing, Checkpoint):
        for key, inner in thing._objects.items():
            yield from ((f"{key}/{rest}", value) for rest, value in _state(inner, name))
    elif isinstance(thing, Optimizer):
        if thing.built:
            yield from ((str(i), np.asarray(v)) for i, v in enumerate(thing.get_weights()))
    elif isinstance(thing, (Layer, Module)):
        values = thing.weights if isinstance(thing, Layer) else thing.variables
        yield from ((str(i), v.numpy()) for i, v in enumerate(values))
    elif isinstance(thing, (list, tuple)):
        for number, one in enumerate(thing):
            yield from ((f"{number}/{rest}", value) for rest, value in _state(one, name))
    elif isinstance(thing, (int, float, str)):
        raise ValueError(f"A Checkpoint tracks variables, layers and optimizers; {name}={thing!r}.")


def _give(thing, arrays, where):
    if isinstance(thing, Optimizer):
        values = [arrays[str(i)] for i in range(len(arrays))]
        if thing.built:
            thing.set_weights(values)
        else:
            _when_built(thing, values)
        return
    if isinstance(thing, (Checkpoint, list, tuple)):
        inner = thing._objects if isinstance(thing, Checkpoint) else dict(enumerate(thing))
        for key, one in inner.items():
            part = {
                k.partition("/")[2]: v for k, v in arrays.items() if k.partition("/")[0] == str(key)
            }
            _give(one, part, f"{where}/{key}")
        return
    variables = (
        [thing]
        if isinstance(thing, Variable)
        else list(getattr(thing, "weights", None) or thing.variables)
    )
    if isinstance(thing, Layer) and not variables and arrays:
        raise ValueError(f"{where} has no weights yet; call it on data once before restore().")
    if len(variables) != len(arrays):
        raise ValueError(f"{where} has {len(variables)} variables; the file has {len(arrays)}.")
    for number, variable in enumerate(variables):
        variable.assign(tensor(arrays[str(number)]))


def _when_built(optimizer, values):
    """The state waits for the variables that it belongs to."""
    build = optimizer.build

    def build_and_fill(var_list):
        build(var_list)
        if optimizer.built:
            del optimizer.build
            optimizer.set_weights(values)

    optimizer.build = build_and_fill


def _note(folder, prefixes):
    with open(os.path.join(folder, "checkpoint"), "w", encoding="utf-8") as file:
        names = [os.path.basename(p) for p in prefixes]
        file.write(f'model_checkpoint_path: "{names[-1]}"\n')
        file.writelines(f'all_model_checkpoint_paths: "{name}"\n' for name in names)


class CheckpointManager:
    """Numbers the checkpoints of a folder and keeps the last `max_to_keep` of them."""

    def __init__(
        self, checkpoint: Checkpoint, directory: Any, max_to_keep: int | None,
        keep_checkpoint_every_n_hours: Any = None, checkpoint_name: str = "ckpt",
        step_counter: Any = None, checkpoint_interval: Any = None, init_fn: Any = None,
    ):  # fmt: skip
        self.checkpoint, self.directory = checkpoint, os.fspath(directory)
        self._max, self._name = max_to_keep, checkpoint_name
        self._init_fn = init_fn
        self.checkpoints: list[str] = []
        if os.path.isdir(self.directory):
            pattern = re.compile(re.escape(checkpoint_name) + r"-(\d+)\.index$")
            found = [(int(m[1]), f) for f in os.listdir(self.directory) if (m := pattern.match(f))]
            self.checkpoints = [
                os.path.join(self.directory, name.removesuffix(".index"))
                for _, name in sorted(found)
            ]

    @property
    def latest_checkpoint(self) -> str | None:
        return self.checkpoints[-1] if self.checkpoints else None

    def save(self, checkpoint_number: Any = None, check_interval: bool = True, options=None) -> str:
        """Write the next one and delete what is too old."""
        path = os.path.join(self.directory, self._name)
        if checkpoint_number is None:
            prefix = self.checkpoint.save(path)
        else:
            prefix = self.checkpoint.write(f"{path}-{int(checkpoint_number)}")
        self.checkpoints = [p for p in self.checkpoints if p != prefix] + [prefix]
        while self._max and len(self.checkpoints) > self._max:
            old = self.checkpoints.pop(0)
            for ending in (".index", ".data-00000-of-00001"):
                if os.path.exists(old + ending):
                    os.remove(old + ending)
        _note(self.directory, self.checkpoints)
        return prefix

    def restore_or_initialize(self) -> str | None:
        """Read the latest, or call `init_fn`."""
        if self.latest_checkpoint:
            self.checkpoint.restore(self.latest_checkpoint)
        elif self._init_fn is not None:
            self._init_fn()
        return self.latest_checkpoint


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The prefix of the newest checkpoint in a folder, or None."""
    return checkpoint.latest(os.fspath(checkpoint_dir))


class _Reader:
    def __init__(self, path):
        self._bundle = bundle.Bundle(latest_checkpoint(path) or os.fspath(path))

    def get_tensor(self, name: str) -> Any:
        return self._bundle.array(name)

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        return {key: list(self._bundle.entry(key).shape) for key in self._bundle.keys()}

    def has_tensor(self, name: str) -> bool:
        return name in self._bundle


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """Names and shapes of the arrays in a checkpoint."""
    return sorted(_Reader(ckpt_dir_or_file).get_variable_to_shape_map().items())


_RECORDS = "TFRecord files need TensorFlow; write .npz files."
TRAIN = {
    "Checkpoint": Checkpoint,
    "CheckpointManager": CheckpointManager,
    "latest_checkpoint": latest_checkpoint,
    "load_checkpoint": _Reader,
    "load_variable": lambda path, name: _Reader(path).get_tensor(name),
    "list_variables": list_variables,
    "CheckpointOptions": lambda **options: options,
    **{
        name: refused(f"train.{name}", _RECORDS)
        for name in "Example Feature Features BytesList Int64List FloatList".split()
    },
}

# --- models --------------------------------------------------------------------------------------


def _load(export_dir, tags=None, options=None):
    model = models.load_model(os.fspath(export_dir), compile=False)
    model.signatures = {"serving_default": lambda *args, **kwargs: _signature(model, args, kwargs)}
    return model


def _signature(model, args, kwargs):
    inputs = list(args) or list(kwargs.values())
    outputs = model(inputs[0] if len(inputs) == 1 else inputs)
    names = getattr(model, "output_names", None) or ["output_0"]
    flat = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return dict(zip(names, flat, strict=False))


def _save(obj, export_dir, signatures=None, options=None):
    if not isinstance(obj, models.Model):
        raise NotImplementedError(
            f"tf.saved_model.save takes Keras models here; received {type(obj).__name__}. Save the "
            "values of a module with tf.train.Checkpoint."
        )
    obj.save(os.fspath(export_dir), save_format="tf")


saved_model = Namespace(
    "saved_model",
    load=_load,
    save=_save,
    contains_saved_model=lambda path: os.path.isfile(os.path.join(path, "saved_model.pb")),
    SaveOptions=lambda **options: options,
    LoadOptions=lambda **options: options,
)

# --- summaries -----------------------------------------------------------------------------------

_writers: list[Any] = []
_step: list[Any] = [None]


class _Writer:
    """Writes events for TensorBoard, if the package tensorboard is there."""

    def __init__(self, logdir, *args, **options):
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(os.fspath(logdir))

    @contextmanager
    def as_default(self, step=None):
        _writers.append(self._writer)
        before = _step[0]
        _step[0] = step if step is not None else before
        try:
            yield self
        finally:
            _step[0] = before
            _writers.pop()

    def set_as_default(self, step=None):
        _writers.append(self._writer)

    def flush(self):
        self._writer.flush()

    def close(self):
        self._writer.close()

    def __enter__(self):
        _writers.append(self._writer)
        return self

    def __exit__(self, *error):
        _writers.pop()
        self._writer.flush()


def _written(method, reshape=None):
    def write(name, data, step=None, description=None, **options):
        if not _writers:
            return False
        value = data if isinstance(data, str) else tensor(data)
        if reshape is not None:
            reshape(_writers[-1], name, value, _number(step))
        elif isinstance(value, torch.Tensor):
            getattr(_writers[-1], method)(name, value.detach(), _number(step))
        else:
            getattr(_writers[-1], method)(name, str(value), _number(step))
        return True

    return write


def _number(step):
    step = _step[0] if step is None else step
    return int(step) if step is not None else int(time.time())


def _write_raw_pb(tensor: Any, step: Any = None, name: str | None = None) -> bool:
    """Add a serialized `Summary`."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    if not _writers:
        return False
    raw = tensor.numpy() if hasattr(tensor, "numpy") else tensor
    _writers[-1].file_writer.add_summary(Summary.FromString(raw), _number(step))
    return True


@contextmanager
def _summary_scope(name, default_name="summary", values=None):
    """A block for one summary: its tag, and its scope."""
    yield name or default_name, name or default_name


def make_tensor_proto(values: Any, dtype: Any = None, shape: Any = None, **options: Any) -> Any:
    """A value as TensorBoard's files hold it."""
    from tensorboard.util.tensor_util import make_tensor_proto as make

    return make(np.asarray(values, None if dtype is None else dtype_name(dtype)), shape=shape)


summary = Namespace(
    "summary",
    create_file_writer=_Writer,
    FileWriter=_Writer,
    scalar=_written("add_scalar"),
    histogram=_written("add_histogram"),
    text=_written("add_text"),
    image=_written(
        "", lambda w, name, x, step: w.add_images(name, x.detach(), step, dataformats="NHWC")
    ),
    trace_on=lambda *args, **kwargs: None,
    trace_export=lambda *args, **kwargs: None,
    trace_off=lambda: None,
    flush=lambda writer=None: [w.flush() for w in _writers] and None,
    experimental=Namespace(
        "summary.experimental",
        write_raw_pb=_write_raw_pb,
        summary_scope=_summary_scope,
        set_step=lambda step: _step.__setitem__(0, step),
        get_step=lambda: _step[0],
    ),
    record_if=lambda condition: nullcontext(),
)
