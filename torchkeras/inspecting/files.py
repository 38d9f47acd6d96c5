"""Reads the facts of each format of model files into a `Report`."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ..saving import archive, compiling, h5, object_weights, tensors
from ..saving.config import from_json
from ..saving.files import kind_of
from ..saving.tensorflow import checkpoint
from ..saving.tensorflow.bundle import DTYPES, STRING, Bundle
from ..saving.tensorflow.folder import SavedModel, is_saved_model
from .architecture import describe, describe_training
from .report import Array, Report

_NOT_WEIGHTS = ("optimizer", "optimizer_weights", "metrics")  # groups beside those of layers
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def inspect(path: str) -> Report:
    """What a model file, folder or checkpoint holds.

    OSError where it is absent or cannot be read at all, ValueError for what is no model file.
    Arrays that are not what was written are told in the report.
    """
    if checkpoint.is_checkpoint(path):
        return _checkpoint(path)
    kind = kind_of(path)
    if kind == "folder":
        return _folder(path)
    readers = {"h5": _h5, "keras": _archive, "safetensors": _tensors, "pt": _tensors}
    if kind not in readers:
        raise ValueError(
            f"{path} is no model file: HDF5 files, .keras archives, SavedModel folders, TensorFlow "
            "checkpoints, .safetensors and .pt files are read"
        )
    return readers[kind](path, kind)


# --- HDF5 and .keras -----------------------------------------------------------------------------


def _h5(path, kind):
    report = Report(path, "HDF5", os.path.getsize(path))
    with h5.reading(path) as root:
        if root.has_attribute("model_config") or "model_weights" in root:
            report.format = "HDF5 model of Keras"
        elif object_weights.is_of_objects(root):
            report.format = "HDF5 weights by objects (.weights.h5)"
        elif root.has_attribute("layer_names") or root.has_attribute("layer_names0"):
            report.format = "HDF5 weights by layers"
        else:
            raise ValueError(f"{path} is an HDF5 file, but holds no model or weights of Keras")
        report.keras_version = _text(root, "keras_version", report)
        report.backend = _text(root, "backend", report)
        if _listed(root, "layer_names") or "model_weights" not in root:
            stored = root
        else:
            stored = root.group("model_weights")
            report.keras_version = report.keras_version or _text(stored, "keras_version", report)
            report.backend = report.backend or _text(stored, "backend", report)
        numbers = _arrays(report, root, stored)
        config = _json(root, "model_config", report)
        if config:
            describe(report, config, numbers)
        describe_training(report, _json(root, "training_config", report))
    return report


def _archive(path, kind):
    report = Report(path, ".keras archive", os.path.getsize(path))
    with archive.reading(path) as file:
        config = file.json(archive.CONFIG)
        if archive.METADATA in file.names:
            metadata = file.json(archive.METADATA)
            report.keras_version = _word(metadata.get("keras_version"))
            report.written = _word(metadata.get("date_saved"))
        with file.weights() as root:
            numbers = _arrays(report, root, root)
        describe(report, config, numbers)
        describe_training(report, config.get("compile_config"))
    return report


def _arrays(report, root, stored):
    """The arrays below `stored`, and the optimizer's state; every one is read and compared.

    The number of their numbers is returned, as far as the file has bytes of them.
    """
    told, found = 0, list(_walk(stored, report))
    numbers = h5.count(root, (array for _, array in found))
    for name, array in found:
        if stored.path == root.path and name.split("/")[0] in _NOT_WEIGHTS:
            continue
        told += _is_sound(array, report)
        size = array.size * array.dtype.itemsize
        report.weights.append(Array(name, array.shape, str(array.dtype), size))
    try:
        state = compiling.optimizer_state(root)
        report.optimizer_arrays = len(state)
        for name, array in state:
            told += _is_sound(array, report)
            counts = "iter" in name or not name
            if report.step is None and counts and not array.shape and array.dtype.kind in "iu":
                report.step = int(array.read())
    except (ValueError, OSError) as error:
        _damage(report, error)
    for path in root.lost():
        _damage(report, f"{path} is missing")
    if not report.damaged:
        report.checksums = f"ok: {told} arrays" if root.is_checked else "none in this file"
    return numbers


def _walk(group, report, path=""):
    """The arrays of a group and of those in it, with their names, each once."""
    seen = set()
    stack = [(path, group)]
    while stack:
        path, group = stack.pop()
        named = group.has_attribute("weight_names") or group.has_attribute("weight_names0")
        names = group.texts("weight_names") if named else None
        inside = []
        for name in names if names is not None else _children(group):
            place = f"{path}/{name}" if path and names is None else name
            try:
                child = group.dataset(name) if names is not None else group.child(name)
            except ValueError as error:
                _damage(report, error)
                continue
            if child.key in seen:
                continue
            seen.add(child.key)
            if isinstance(child, h5.Dataset):
                yield place, child
            else:
                inside.append((place, child))
        stack.extend(reversed(inside))


def _children(group):
    """The names in a group, layers in the order of their model."""
    known = group.names()
    first = [name for name in _listed(group, "layer_names") if name in known]
    return [*first, *(name for name in known if name not in first)]


def _listed(group, name):
    told = group.has_attribute(name) or group.has_attribute(f"{name}0")
    return group.texts(name) if told else []


def _is_sound(array, report):
    if array.is_inflated:
        report.remarks.append(f"not read: {array.path}, which the file has hardly any bytes of")
        return False
    try:
        array.read()
    except OSError as error:
        _damage(report, error)
        return False
    return True


def _damage(report, error):
    if not report.damaged:
        report.damaged, report.checksums = True, f"DAMAGED: {error}"


def _text(node, name, report):
    try:
        return node.text(name)
    except (OSError, ValueError) as error:
        _damage(report, error)
        return None


def _json(root, name, report):
    text = _text(root, name, report)
    return None if text is None else from_json(text, f"{report.file}: {name}")


# --- folders and checkpoints ---------------------------------------------------------------------


def _folder(path):
    if not is_saved_model(path):
        latest = checkpoint.latest(path)
        if latest is None:
            raise ValueError(f"{path} is a folder without saved_model.pb or a checkpoint in it")
        return _checkpoint(latest)
    report = Report(path, "SavedModel folder", _bytes_below(path))
    try:
        file = SavedModel(path)
    except ValueError as error:
        report.remarks.append(str(error))
        _bundle(report, Bundle(SavedModel.prefix(path)))
        return report
    report.backend = "tensorflow"
    _bundle(report, file.variables)
    describe(report, file.config(), min(_numbers(report), file.variables.size()))
    describe_training(report, file.root.get("training_config"))
    return report


def _checkpoint(prefix):
    folder, base = os.path.split(prefix)
    ours = (f"{base}.index", f"{base}.data")
    parts = [name for name in os.listdir(folder or ".") if name.startswith(ours)]
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in parts)
    report = Report(prefix, "TensorFlow checkpoint", size, backend="tensorflow")
    _bundle(report, Bundle(prefix))
    return report


def _bundle(report, bundle):
    told = 0
    for key in bundle.keys():
        entry = bundle.entry(key)
        name = key.removesuffix(_VALUE)
        if entry.dtype == STRING or "save_counter" in name:
            continue
        dtype = DTYPES.get(entry.dtype, f"TensorFlow's {entry.dtype}")
        if name.startswith("optimizer/") or ".OPTIMIZER_SLOT" in name:
            report.optimizer_arrays += 1
            if name in ("optimizer/iter", "optimizer/_iterations", "optimizer/_variables/0"):
                value = np.asarray(bundle.array(key)) if not entry.shape else None
                report.step = report.step if value is None else int(value)
        elif not name.startswith("keras_api/metrics"):
            report.weights.append(Array(name, entry.shape, dtype, entry.size))
        if entry.dtype in DTYPES:
            try:
                bundle.array(key)
                told += 1
            except OSError as error:
                _damage(report, error)
    if not report.damaged:
        report.checksums = f"ok: {told} arrays"


# --- torch ---------------------------------------------------------------------------------------


def _tensors(path, kind):
    what = "safetensors" if kind == "safetensors" else "state_dict of torch (.pt)"
    report = Report(path, what, os.path.getsize(path), backend="torch")
    found, checked = tensors.read(path, kind)
    for name, tensor in found.items():
        dtype = str(tensor.dtype).removeprefix("torch.")
        report.weights.append(Array(name, tuple(tensor.shape), dtype, tensor.nbytes))
    report.checksums = f"ok: {checked} arrays" if checked else "none in this file"
    return report


def _numbers(report):
    return sum(math.prod(array.shape) for array in report.weights)


def _bytes_below(folder):
    return sum(
        os.path.getsize(os.path.join(here, name))
        for here, _, names in os.walk(folder)
        for name in names
    )


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None
