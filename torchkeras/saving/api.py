"""Saving and loading models and weights: what `keras.models` and `Model.save` offer."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from .. import tree
from ..budget import budget
from ..config import KERAS_VERSION
from ..layer import Layer
from . import archive, compiling, formats, object_weights, tensors, weights
from .config import (
    archive_config,
    build_model,
    from_json,
    json_text,
    legacy_model_config,
    model_config,
)
from .files import date, may_replace, path_of, replacing
from .tensorflow import checkpoint, saved_model
from .tensorflow.folder import SavedModel, is_saved_model
from .versions import open_shapes
from .versions.boundaries import tell_boundaries

_log = logging.getLogger("torchkeras")
_SPARE = 2**20  # numbers a model may have beside those in its file: zeros that torch wants


# --- writing ---------------------------------------------------------------------------------


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    save_format: str | None = None,
    include_optimizer: bool = True,
    **kwargs: Any,
) -> None:
    """Write architecture, weights, compile arguments and optimizer state to one file.

    A name that ends in `.keras`, or `save_format='keras'`, gives the archive that tf.keras 2.15 and
    Keras 3 read; `.h5`, `.hdf5` or `save_format='h5'` the HDF5 file of tf.keras, also into an open
    `h5py.File`. The state of the optimizer in a `.keras` file is in the order of Keras 3; with
    `save_format='keras_v2'` in that of tf.keras 2.15. Other names, and `save_format='tf'`, give a
    SavedModel folder that `load_model` of tf.keras reads; it holds no TensorFlow function, so
    `signatures` and `options` must be left out. A file is replaced at once when all of it is on the
    disk. ValueError for other formats and for models that cannot be described.
    """
    _check_save_arguments(kwargs)
    kind = formats.of_model(filepath, save_format)
    optimizer = _optimizer_to_save(model) if include_optimizer else None
    if kind == "tf":
        _save_folder(model, filepath, overwrite, optimizer)
    elif kind == "h5":
        _save_h5(model, filepath, overwrite, optimizer)
    else:
        _save_keras(model, filepath, overwrite, optimizer, 2 if kind == "keras_v2" else 3)


def _save_h5(model, filepath, overwrite, optimizer):
    if getattr(model, "_graph", None) is None:
        raise ValueError(
            f"Model {model.name!r} cannot be saved as a whole to HDF5: it is a subclass whose "
            "architecture is Python code, or it has no input shape yet. Use save_weights(), or a "
            "name that ends in .keras and get_config(), or build it from layers first."
        )
    metadata = {"model_config": json_text(legacy_model_config(model))}
    if optimizer is not None:
        metadata["training_config"] = json_text(compiling.training_config(model))
    with formats.new_h5(filepath, overwrite) as file:
        if file is None:
            return
        file.text("keras_version", KERAS_VERSION, as_bytes=False)
        file.text("backend", "tensorflow", as_bytes=False)
        for name, text in metadata.items():
            file.text(name, text)
        weights.write_weights(file.group("model_weights"), model)
        if optimizer is not None:
            compiling.write_optimizer(file, optimizer)


def _save_folder(model, filepath, overwrite, optimizer):
    if getattr(model, "_graph", None) is None:
        raise ValueError(
            f"Model {model.name!r} cannot be saved as a SavedModel: it is a subclass whose "
            "architecture is Python code, or it has no input shape yet. Use save_weights(), or a "
            "name that ends in .keras and get_config(), or build it from layers first."
        )
    path = path_of(filepath)
    if not overwrite and is_saved_model(path) and not may_replace(path):
        return
    trained = None if optimizer is None else compiling.training_config(model)
    saved_model.write(path, model, trained, optimizer)


def _save_keras(model, filepath, overwrite, optimizer, version):
    if not model.built and getattr(model, "_graph", None) is None and not model.layers:
        raise ValueError(f"Model {model.name!r} has no layers yet, so there is nothing to save.")
    config = archive_config(model, version)
    if model.optimizer is not None and optimizer is not None:
        config["compile_config"] = compiling.compile_config(model)
    told = tell_boundaries(config, model)
    text = json_text(config)
    with replacing(path_of(filepath), overwrite) as temporary:
        if temporary is None:
            return
        with archive.writing(temporary, text, date()) as root:
            object_weights.write_objects(root, model, told)
            if optimizer is not None:
                compiling.write_numbered(root, optimizer, version)


def save_layer(layer: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write a layer that stands alone, with its weights, to a `.keras` file."""
    if not path_of(filepath).endswith(".keras"):
        raise ValueError(f"{filepath} must end in .keras, the only format for a layer alone.")
    config = archive_config(layer, 2)
    told = tell_boundaries(config, layer)
    with replacing(path_of(filepath), overwrite) as temporary:
        if temporary is not None:
            with archive.writing(temporary, json_text(config), date()) as root:
                object_weights.write_objects(root, layer, told)


def _optimizer_to_save(model):
    optimizer = model.optimizer
    foreign = [one for one in tree.flatten(optimizer) if not hasattr(one, "get_config")]
    if optimizer is not None and foreign:
        _log.warning(
            "The optimizer %s is one of torch, which Keras files cannot hold. Compile the model "
            "again after loading it.",
            foreign[0].name,
        )
        return None
    return optimizer


def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, save_format: str | None = None
) -> None:
    """Write the weights of a built model.

    A name that ends in `.weights.h5` gives the file that tf.keras 2.13 and Keras 3 read, with the
    state of the optimizer; `.h5` the layout of Keras 2; `.safetensors` and `.pt` the `state_dict`
    under torch's names. Any other name is the beginning of the names of a TensorFlow checkpoint
    (`.index` and `.data-...`), which has the state of the optimizer too.
    """
    kind = formats.of_weights(filepath, save_format)
    _check_built(model, "saved")
    if kind == "tf":
        path = path_of(filepath)
        if overwrite or not checkpoint.is_checkpoint(path) or may_replace(path):
            checkpoint.save_weights(model, path)
        return
    if kind in ("safetensors", "pt"):
        with replacing(path_of(filepath), overwrite) as temporary:
            if temporary is not None:
                tensors.write(temporary, kind, model.state_dict())
        return
    with formats.new_h5(filepath, overwrite) as file:
        if file is None:
            return
        if kind == "weights.h5":
            object_weights.write_objects(file, model)
            if all(hasattr(one, "get_config") for one in tree.flatten(model.optimizer)):
                compiling.write_numbered(file, model.optimizer, 2 if save_format else 3)
        else:
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
    """The model in a file of any Keras: HDF5, `.keras` or a SavedModel, compiled if it says how.

    `custom_objects` are your own classes and functions by name; the function of a `Lambda` layer
    may have the layer's. Nothing in a file is imported or run; code in it is refused, unless
    `safe_mode=False` says that you trust it. OSError for a file
    that is absent or damaged, ValueError for one whose content does not fit, both naming the file.

    >>> import tempfile, torchkeras as keras
    >>> model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(folder + "/model.keras")
    ...     load_model(folder + "/model.keras").output_shape
    (None, 2)
    """
    if set(kwargs) - {"options"} or kwargs.get("options") is not None:
        raise TypeError(f"load_model got unexpected arguments {list(kwargs)}.")
    kind = formats.kind_of_file(filepath)
    if kind == "folder":
        return _load_folder(SavedModel(path_of(filepath)), custom_objects, compile, safe_mode)
    if kind == "keras":
        with archive.reading(path_of(filepath)) as file:
            return _load_keras(file, custom_objects, compile, safe_mode)
    with formats.open_h5(filepath) as root:
        return _load_h5(root, custom_objects, compile, safe_mode)


def _load_h5(root, custom_objects, compile, safe_mode):
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
        if not _is_built(model):
            anew = partial(build_model, described, custom_objects, root.file, safe_mode)
            model = open_shapes.built(model, stored, anew)
    _assign(weights.by_order(stored, model).read())
    if compile:
        text = root.text("training_config")
        described = text and from_json(text, f"{root.file}: the training config")
        _compile(model, root, described, custom_objects, root.file, safe_mode)
    return model


def _load_folder(file, custom_objects, compile, safe_mode):
    with budget(_SPARE + 2 * file.size()):
        model = build_model(file.config(), custom_objects, file.folder, safe_mode)
        if not model.built and file.input_shape() is not None:
            model.build(file.input_shape())
    described = file.root.get("training_config") if compile else None
    if described:
        compiling.compile_as_told(model, described, custom_objects, file.folder, safe_mode)
    elif compile:
        _compile(model, None, None, custom_objects, file.folder, safe_mode)
    if getattr(model, "_graph", None) is None and not model.built:
        _log.warning(
            "%s does not tell the input shape of model %r; its weights are read in its first call.",
            file.folder,
            model.name,
        )
        checkpoint.load_when_built(model, file.variables.prefix)
        return model
    status = checkpoint.load_weights(model, file.variables.prefix)
    if status.missing:
        raise ValueError(f"{file.folder} has no values for {status.missing}.")
    return model


def _load_keras(file, custom_objects, compile, safe_mode):
    described = file.json(archive.CONFIG)
    trained = described.pop("compile_config", None)
    with file.weights() as root:
        with budget(_SPARE + 2 * object_weights.count(root)):
            model = build_model(described, custom_objects, file.file, safe_mode)
            if not model.built and described.get("build_config"):
                _build_as_told(model, described["build_config"], file.file)
        _assign(object_weights.by_objects(root, model).read())
        object_weights.read_vocabularies(root, model, file)
        if compile and trained:
            _compile(model, root, trained, custom_objects, file.file, safe_mode)
    return model


def _build_as_told(model, config, file):
    """Build a subclass, whose layers learn their shapes from a call, for the shape in its file."""
    try:
        model.build_from_config(config)
    except Exception as error:
        raise ValueError(
            f"{file}: model {model.name!r} cannot be built as the file says, for {config!r}: "
            f"{error} Make the model, call it on data and use load_weights()."
        ) from error


def load_weights(
    model: Any, filepath: Any, by_name: bool = False, skip_mismatch: bool = False
) -> Any:
    """Read the weights of a model from a file of `save_weights`, of `save`, or of any Keras.

    Layers are matched by their order, or by their names with `by_name=True`; `skip_mismatch`
    keeps the values of weights that have another shape, with a warning. On an error no weight
    changes. For a TensorFlow checkpoint, found by what its file names begin with, or the variables
    of a SavedModel folder, the answer is a status with `expect_partial()` and `assert_consumed()`;
    a model without weights gets them when its first call has made them.
    """
    prefix = formats.checkpoint_of(filepath)
    if prefix is not None:
        if by_name or skip_mismatch:
            raise ValueError(f"{filepath}: by_name and skip_mismatch are for HDF5 files of Keras.")
        if _is_built(model):
            return checkpoint.load_weights(model, prefix)
        return checkpoint.load_when_built(model, prefix)
    _check_built(model, "loaded")
    kind = formats.kind_of_file(filepath)
    if kind == "folder":
        raise ValueError(f"{filepath} is a folder; name a checkpoint in it.")
    if kind in ("safetensors", "pt"):
        if by_name or skip_mismatch:
            raise ValueError(f"{filepath}: by_name and skip_mismatch are for files of Keras.")
        tensors.load(model, path_of(filepath), kind)
        return None
    with formats.open_weights(filepath, kind) as root:
        if object_weights.is_of_objects(root):
            if by_name:
                raise ValueError(
                    f"{root.file}: by_name=True is for files of Keras 2 in HDF5; this one tells "
                    "layers apart by their class and order."
                )
            plan = object_weights.by_objects(root, model, skip_mismatch)
            arrays = plan.read()
            if any(getattr(one, "built", False) for one in tree.flatten(model.optimizer)):
                compiling.read_optimizer(root, model)  # first, as it may be refused
            _assign(arrays)
            return None
        if not root.has_attribute("layer_names") and not root.has_attribute("layer_names0"):
            if "model_weights" not in root:
                raise ValueError(f"{root.file} has no 'layer_names': it holds no weights of Keras.")
            root = root.group("model_weights")
        if skip_mismatch and not by_name:
            raise ValueError(
                "load_weights takes skip_mismatch=True only together with by_name=True."
            )
        if by_name:
            plan = weights.by_name(root, model, skip_mismatch)
        else:
            plan = weights.by_order(root, model)
        arrays = plan.read()
    _assign(arrays)
    return None


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


def _compile(model, root, described, custom_objects, file, safe_mode):
    if not described:
        _log.warning(
            "%s has no training config, so the model is not compiled. Compile it yourself.", file
        )
        return
    compiling.compile_as_told(model, described, custom_objects, file, safe_mode)
    compiling.read_optimizer(root, model)


def _assign(arrays):
    for weight, array in arrays:
        weight.assign(array)


def _is_built(model):
    if model.built or getattr(model, "_graph", None) is not None:
        return True
    inner = [one for one in model.modules() if isinstance(one, Layer) and one is not model]
    return bool(inner) and all(layer.built for layer in inner)


def _check_built(model, verb):
    if not _is_built(model):
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
            raise ValueError(
                f"{name}={value!r} asks for functions of TensorFlow in a SavedModel, which are not "
                f"written. {formats.FOR_MODELS}"
            )
