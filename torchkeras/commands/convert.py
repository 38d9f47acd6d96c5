"""`torchkeras convert`: a model or its weights in another format."""

from __future__ import annotations

import os
import shutil
import tempfile

from .outcome import DONE, WrongInput, parser, subcommand

_TEXT = """\
Writes a model, or the weights of one, in another format. The name of OUT tells which:

  .keras                    archive of Keras 3 and 2.15      (--format keras, keras_v2)
  .h5 .hdf5                 HDF5 model of Keras 2            (--format h5)
  a name without a suffix   SavedModel folder                (--format tf)
  .weights.h5               weights by objects               (--format weights.h5)
  .safetensors .pt .pth     weights as a state_dict of torch (--format safetensors, pt)
  .ckpt                     weights as TensorFlow checkpoint (--format checkpoint)
  --format h5-weights       weights by layers, as Keras 2 writes them to .h5

IN is any file that 'torchkeras inspect' reads. Weights alone need --model, a file with the model
that they are for. An existing OUT is replaced only with --overwrite, and then at once.

exit status: 0 written; 2 wrong input, nothing was written"""
_EXAMPLE = """torchkeras convert model.h5 model.keras
         torchkeras convert best.weights.h5 best.safetensors --model model.keras"""

_OF_MODELS = ("keras", "keras_v2", "h5", "tf")
_OF_WEIGHTS = ("weights.h5", "h5-weights", "safetensors", "pt", "checkpoint")
_ENDINGS = {
    ".keras": "keras", ".weights.h5": "weights.h5", ".h5": "h5", ".hdf5": "h5", ".he5": "h5",
    ".hdf": "h5", ".safetensors": "safetensors", ".pt": "pt", ".pth": "pt", ".ckpt": "checkpoint",
}  # fmt: skip


@subcommand
def convert(arguments: list[str]) -> int:
    """Write the file that the command line asks for."""
    told = _parser().parse_args(arguments)
    kind = told.format or _kind(told.out)
    _check_target(told.out, kind, told.overwrite)
    model = _read(told)
    if kind == "tf":
        _save_folder(model, told.out)
    elif kind in _OF_MODELS:
        model.save(told.out, save_format=kind)
    elif kind == "checkpoint":
        model.save_weights(told.out, save_format="tf")
    elif kind == "weights.h5":
        _need_ending(told.out, ".weights.h5")
        model.save_weights(told.out)
    else:
        model.save_weights(told.out, save_format="h5" if kind == "h5-weights" else kind)
    print(f"wrote {told.out}")
    return DONE


def _read(told):
    """The model with the weights of IN."""
    from ..inspecting import files
    from ..saving.api import load_model

    report = files.inspect(told.input)
    if report.damaged:
        raise WrongInput(f"{told.input} is damaged: {report.checksums.removeprefix('DAMAGED: ')}")
    if report.class_name is not None and told.model is None:
        trained = report.optimizer is not None or report.loss is not None
        _need_known(report, told)
        return load_model(
            told.input, compile=trained and not told.no_training, safe_mode=not told.trust_code
        )
    if told.model is None:
        raise WrongInput(
            f"{told.input} holds weights alone ({report.format}): name a file with the model that "
            "they are for by --model"
        )
    if files.inspect(told.model).class_name is None:
        raise WrongInput(f"{told.model} holds weights alone: --model needs a file with a model")
    model = load_model(told.model, compile=False, safe_mode=not told.trust_code)
    status = model.load_weights(report.file)
    if status is not None and status.missing:
        raise WrongInput(f"{told.input} has no values for {', '.join(status.missing)}")
    return model


def _need_known(report, told):
    """Refuse a model with classes of the user's, which no command line can give."""
    if report.code and not told.trust_code:
        raise WrongInput(
            f"{told.input}: {', '.join(report.code)} hold Python code; if you trust whoever made "
            "the file, --trust-code runs it"
        )
    parts = {one.class_name for one in report.layers} | {report.class_name}
    mine = [name for name in report.custom_objects if name in parts or not told.no_training]
    if mine:
        way_out = "" if any(name in parts for name in mine) else ", or say --no-training"
        raise WrongInput(
            f"{told.input} needs {', '.join(mine)}, which only Python can give: "
            f"keras.models.load_model(..., custom_objects=...).save(...){way_out}"
        )


def _kind(path):
    for ending, kind in _ENDINGS.items():
        if path.endswith(ending):
            return kind
    base = os.path.basename(path.rstrip("/" + os.sep))
    if "." in base:
        known = ", ".join(dict.fromkeys(_ENDINGS))
        raise WrongInput(f"{path}: its ending is none of {known}; say --format")
    return "tf"


def _check_target(path, kind, overwrite):
    taken = path + ".index" if kind == "checkpoint" else path
    if os.path.exists(taken) and not overwrite:
        raise WrongInput(f"{path} exists; say --overwrite, or another name")
    if kind != "tf" and os.path.isdir(path):
        raise WrongInput(f"{path} is a folder; name a file for the format {kind}")
    if kind == "tf" and os.path.exists(path):
        inside = os.listdir(path) if os.path.isdir(path) else None
        if inside is None or (inside and "saved_model.pb" not in inside):
            raise WrongInput(f"{path} is no SavedModel folder, so it is not replaced by one")


def _need_ending(path, ending):
    if not path.endswith(ending):
        raise WrongInput(f"{path}: Keras reads such weights from names that end in {ending}")


def _save_folder(model, path):
    """A SavedModel, written beside its place and moved there when it is whole."""
    path = os.path.abspath(path)
    parent = os.path.dirname(path)
    os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".convert-", dir=parent) as folder:
        new, old = os.path.join(folder, "new"), os.path.join(folder, "old")
        model.save(new, save_format="tf")
        if os.path.exists(path):
            os.rename(path, old)
        try:
            os.rename(new, path)
        except OSError:
            if os.path.exists(old):
                shutil.move(old, path)
            raise


def _parser():
    made = parser("convert", _TEXT, _EXAMPLE)
    made.add_argument("input", metavar="IN", help="a model or weights")
    made.add_argument("out", metavar="OUT", help="what to write")
    made.add_argument("--format", choices=(*_OF_MODELS, *_OF_WEIGHTS), metavar="FORMAT",
                      help="where the name of OUT does not tell it")  # fmt: skip
    made.add_argument("--model", metavar="FILE", help="the model that weights are for")
    made.add_argument("--overwrite", action="store_true", help="replace OUT")
    made.add_argument("--no-training", action="store_true",
                      help="leave out optimizer, loss and metrics")  # fmt: skip
    made.add_argument("--trust-code", action="store_true",
                      help="run Python code of Lambda layers in IN")  # fmt: skip
    return made
