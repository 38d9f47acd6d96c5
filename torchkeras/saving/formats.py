"""What a name and `save_format` mean, and opening what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import archive, h5, h5_writer, shards
from .files import is_h5py, kind_of, path_of, replacing
from .tensorflow import checkpoint
from .tensorflow.folder import SavedModel, is_saved_model

_HDF5_ENDINGS = (".h5", ".hdf5", ".he5", ".hdf")
_FORMATS = {
    "h5": "h5", "hdf5": "h5", "keras": "keras", "keras_v3": "keras", "keras_v2": "keras_v2",
    "tf": "tf", "tensorflow": "tf",
}  # fmt: skip
FOR_MODELS = "Use a name that ends in .keras or .h5, or save_format='keras', 'h5' or 'tf'."
_FOR_WEIGHTS = "Use a name that ends in .weights.h5, .h5, .safetensors or .pt, or save_format='tf'."


def of_model(filepath: Any, save_format: str | None) -> str:
    """How a model is written: 'keras', 'keras_v2', 'h5' or 'tf'; ValueError for anything else."""
    if is_h5py(filepath):
        return "h5"
    path = path_of(filepath)
    if save_format is not None:
        if save_format in _FORMATS:
            return _FORMATS[save_format]
        raise ValueError(f"The format {save_format!r} is not supported. {FOR_MODELS}")
    if path.endswith(".keras"):
        return "keras"
    if path.endswith(_HDF5_ENDINGS):
        return "h5"
    if path.endswith((".safetensors", ".pt", ".pth")):
        raise ValueError(f"{path}: such files hold weights alone; call save_weights().")
    return "tf"


def of_weights(filepath: Any, save_format: str | None) -> str:
    """How weights are written: 'h5', 'weights.h5', 'safetensors', 'pt' or 'tf', or ValueError."""
    if is_h5py(filepath):
        return "h5"
    path = path_of(filepath)
    if save_format in ("h5", "hdf5"):
        return "h5"
    if save_format in (None, "keras_v2") and path.endswith(".weights.h5"):
        return "weights.h5"
    if save_format is None and path.endswith(_HDF5_ENDINGS):
        return "h5"
    for kind, endings in (("safetensors", ".safetensors"), ("pt", (".pt", ".pth"))):
        if save_format == kind or (save_format is None and path.endswith(endings)):
            return kind
    if save_format in (None, "tf", "tensorflow"):
        return "tf"
    raise ValueError(f"The format {save_format!r} is not supported. {_FOR_WEIGHTS}")


def checkpoint_of(filepath: Any) -> str | None:
    """What the names of a TensorFlow checkpoint begin with, None where `filepath` names none."""
    if is_h5py(filepath):
        return None
    path = path_of(filepath)
    if checkpoint.is_checkpoint(path):
        return path
    return SavedModel.prefix(path) if is_saved_model(path) else None


@contextmanager
def new_h5(filepath: Any, overwrite: bool) -> Iterator[Any]:
    """An open HDF5 file that becomes `filepath` at the end; None where the user says no."""
    if is_h5py(filepath):
        with h5_writer.writing(filepath) as file:
            yield file
        return
    with replacing(path_of(filepath), overwrite) as temporary:
        if temporary is None:
            yield None
            return
        with h5_writer.writing(temporary) as file:
            yield file


def kind_of_file(filepath: Any) -> str:
    """What a file is by its content; ValueError for what is not read."""
    if is_h5py(filepath):
        return "h5"
    kind = kind_of(path_of(filepath))
    if kind == "unknown" and path_of(filepath).endswith(shards.ENDING):
        return "shards"
    if kind == "unknown" or (kind == "folder" and not is_saved_model(path_of(filepath))):
        what = "a folder without saved_model.pb" if kind == "folder" else "no file of Keras"
        raise ValueError(
            f"{filepath} is {what}. HDF5 files, .keras archives, SavedModel folders and, for "
            "weights, checkpoints, .safetensors and .pt files are read."
        )
    return kind


@contextmanager
def open_h5(filepath: Any) -> Iterator[h5.Node]:
    """The root of an HDF5 file; ValueError for another file."""
    if kind_of_file(filepath) != "h5":
        raise ValueError(f"{filepath} holds weights alone. Build the model and load_weights().")
    with h5.reading(filepath if is_h5py(filepath) else path_of(filepath)) as root:
        yield root


@contextmanager
def open_weights(filepath: Any, kind: str) -> Iterator[h5.Node]:
    """The root of the weights in a file of some kind."""
    if kind == "keras":
        with archive.reading(path_of(filepath)) as file, file.weights() as root:
            yield root
        return
    with shards.reading(path_of(filepath)) if kind == "shards" else open_h5(filepath) as root:
        yield root
