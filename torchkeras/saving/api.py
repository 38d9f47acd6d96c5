"""Saving and loading models and weights: what `keras.models` and `Model.save` offer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..budget import budget
from . import compiling, h5, weights
from .config import (
    KERAS_VERSION,
    build_model,
    check_code,
    from_json,
    json_text,
    legacy_model_config,
    model_config,
)
from .files import kind_of, path_of, replacing

_log = logging.getLogger("torchkeras")
_SPARE = 2**20  # numbers a model may have beside those in its file: zeros that torch wants
_HDF5_ENDINGS = (".h5", ".hdf5", ".he5", ".hdf")
_ONLY_H5 = "HDF5 is what is supported: use a name that ends in .h5."


# --- writing ---------------------------------------------------------------------------------


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    save_format: str | None = None,
    include_optimizer: bool = True,
    **kwargs: Any,
) -> None:
    """Write architecture, weights, compile arguments and optimizer state to one HDF5 file.

    The file is the one that tf.keras 2.15 writes. `filepath` ends in `.h5` or `.hdf5`, or
    `save_format` is 'h5', or it is an open `h5py.File`. The file is replaced at once when all of
    it is on the disk. ValueError for other formats and for models that are no graph of layers.
    """
    _check_save_arguments(kwargs)
    _check_format(filepath, save_format)
    if getattr(model, "_graph", None) is None:
        raise ValueError(
            f"Model {model.name!r} cannot be saved as a whole: it is a subclass whose "
            "architecture is Python code, or it has no input shape yet. Use save_weights(), or "
            "build it from layers first."
        )
    metadata = {"model_config": json_text(legacy_model_config(model))}
    optimizer = model.optimizer if include_optimizer else None
    if optimizer is not None and not hasattr(optimizer, "get_config"):
        _log.warning(
            "The optimizer %s is one of torch, which Keras files cannot hold. Compile the model "
            "again after loading it.",
            optimizer.name,
        )
        optimizer = None
    if optimizer is not None:
        metadata["training_config"] = json_text(compiling.training_config(model))
    with _new_file(filepath, overwrite) as file:
        if file is None:
            return
        file.text("keras_version", KERAS_VERSION, as_bytes=False)
        file.text("backend", "tensorflow", as_bytes=False)
        for name, text in metadata.items():
            file.text(name, text)
        weights.write_weights(file.group("model_weights"), model)
        if optimizer is not None:
            compiling.write_optimizer(file, optimizer)


def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, save_format: str | None = None
) -> None:
    """Write the weights of a built model to an HDF5 file in the layout of tf.keras 2.15."""
    _check_format(filepath, save_format)
    _check_built(model, "saved")
    if str(filepath).endswith(".weights.h5") and save_format is None:
        raise ValueError(
            f"{filepath}: names that end in .weights.h5 stand for the layout of Keras 3, which is "
            "not supported. Use a name that ends in .h5 alone."
        )
    with _new_file(filepath, overwrite) as file:
        if file is not None:
            weights.write_weights(file, model)


def to_json(model: Any, **json_kwargs: Any) -> str:
    """The architecture of a model as JSON text; `json_kwargs` go to `json.dumps`."""
    versions = {"keras_version": KERAS_VERSION, "backend": "tensorflow"}
    return json_text({**model_config(model), **versions}, **json_kwargs)


# --- reading ---------------------------------------------------------------------------------


def load_model(
    filepath: Any,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    **kwargs: Any,
) -> Any:
    """The model in an HDF5 file of Keras 2.0 to 2.15, compiled if the file says how.

    `custom_objects` are your own classes and functions by name. Nothing in a file is imported or
    run; code in it is refused. OSError for a file that is absent or damaged, ValueError for one
    whose content does not fit, both naming the file.

    >>> import tempfile, torchkeras as keras
    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(folder + "/model.h5")
    ...     load_model(folder + "/model.h5").output_shape
    (None, 2)
    """
    if set(kwargs) - {"options"} or kwargs.get("options") is not None:
        raise TypeError(f"load_model got unexpected arguments {list(kwargs)}.")
    with _open(filepath) as root:
        text = root.text("model_config")
        if text is None:
            raise ValueError(
                f"{root.file} has no model config: it holds weights alone. Build the model and "
                "call load_weights()."
            )
        described = from_json(text, f"{root.file}: the model config")
        stored = root.group("model_weights")
        with budget(_SPARE + 2 * weights.count(stored)):
            model = build_model(described, custom_objects, root.file, safe_mode)
        if getattr(model, "_graph", None) is None and not model.built:
            raise ValueError(
                f"{root.file}: the model has no input shape, so it has no weights to load."
            )
        plan = weights.by_order(stored, model)
        _assign(plan.read())
        if compile:
            _compile(model, root, custom_objects)
    return model


def load_weights(
    model: Any, filepath: Any, by_name: bool = False, skip_mismatch: bool = False
) -> None:
    """Read the weights of a model from a file of `save_weights`, of `save`, or of Keras 2.

    Layers are matched by their order, or by their names with `by_name=True`; `skip_mismatch`
    then keeps the values of weights that have another shape, with a warning. On an error no
    weight changes.
    """
    if skip_mismatch and not by_name:
        raise ValueError("load_weights takes skip_mismatch=True only together with by_name=True.")
    _check_built(model, "loaded")
    with _open(filepath) as root:
        if not root.has_attribute("layer_names") and not root.has_attribute("layer_names0"):
            if "model_weights" not in root:
                raise ValueError(
                    f"{root.file} has no 'layer_names': it is not a weights file of Keras 2. "
                    f"{_ONLY_H5}"
                )
            root = root.group("model_weights")
        if by_name:
            plan = weights.by_name(root, model, skip_mismatch)
        else:
            plan = weights.by_order(root, model)
        arrays = plan.read()
    _assign(arrays)


def model_from_json(
    json_string: str, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The model, with fresh weights, that the text of `Model.to_json()` describes."""
    described = from_json(json_string)
    return build_model(described, custom_objects, "The JSON text", safe_mode)


def model_from_config(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The model, with fresh weights, of a `{"class_name": ..., "config": ...}`."""
    if isinstance(config, list):
        raise TypeError(
            f"model_from_config expects a dictionary, not a list: {config!r}. A list of layers "
            "is what Sequential.from_config takes."
        )
    return build_model(config, custom_objects, "The config", safe_mode)


def model_from_yaml(yaml_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Raises RuntimeError: reading YAML can run code."""
    raise RuntimeError(
        "Models are not read from YAML, because reading YAML can run code. Use Model.to_json() "
        "and model_from_json()."
    )


# --- parts -----------------------------------------------------------------------------------


def _compile(model, root, custom_objects):
    text = root.text("training_config")
    if text is None:
        _log.warning(
            "%s has no training config, so the model is not compiled. Compile it yourself.",
            root.file,
        )
        return
    described = from_json(text, f"{root.file}: the training config")
    check_code(described, root.file)
    try:
        arguments = compiling.compile_arguments(described, model, custom_objects)
        model.compile(**arguments)
    except Exception as error:
        said = f"{error} is missing." if isinstance(error, KeyError) else error
        raise ValueError(
            f"{root.file}: the model cannot be compiled as the file says: {said} Pass your own "
            "objects in custom_objects, or compile=False."
        ) from error
    compiling.read_optimizer(root, model)


def _assign(arrays):
    for weight, array in arrays:
        weight.assign(array)


def _check_built(model, verb):
    if not model.built and getattr(model, "_graph", None) is None:
        raise ValueError(
            f"The weights of model {model.name!r} cannot be {verb}: they do not exist yet. Call "
            "the model on data, or build() it with an input shape, first."
        )


def _check_save_arguments(kwargs):
    defaults = {"signatures": None, "options": None, "save_traces": True}
    unknown = set(kwargs) - set(defaults)
    if unknown:
        raise TypeError(f"save got unexpected arguments {sorted(unknown)}.")
    for name, value in kwargs.items():
        if value != defaults[name]:
            raise ValueError(f"{name}={value!r} belongs to the SavedModel format. {_ONLY_H5}")


def _check_format(filepath, save_format):
    if _is_h5py(filepath):
        return
    path = path_of(filepath)
    if save_format is None:
        wanted = "h5" if path.endswith(_HDF5_ENDINGS) else None
    else:
        wanted = "h5" if save_format in ("h5", "hdf5") else None
    if wanted is None:
        name = f"The format {save_format!r}" if save_format else f"The format that {path!r} names"
        raise ValueError(f"{name} is not supported. {_ONLY_H5}")


def _is_h5py(filepath):
    return type(filepath).__module__.split(".")[0] == "h5py"


@contextmanager
def _new_file(filepath, overwrite) -> Iterator[Any]:
    """An open HDF5 file that becomes `filepath` at the end; None where the user says no."""
    if _is_h5py(filepath):
        with h5.writing(filepath) as file:
            yield file
        return
    with replacing(path_of(filepath), overwrite) as temporary:
        if temporary is None:
            yield None
            return
        with h5.writing(temporary) as file:
            yield file


@contextmanager
def _open(filepath) -> Iterator[h5.Node]:
    if not _is_h5py(filepath):
        filepath = path_of(filepath)
        kind = kind_of(filepath)
        if kind != "h5":
            what = {
                "keras": "a zip archive, as .keras files are",
                "folder": "a folder, as a SavedModel is",
                "unknown": "no HDF5 file",
            }[kind]
            raise ValueError(f"{filepath} is {what}. {_ONLY_H5}")
    with h5.reading(filepath) as root:
        yield root
