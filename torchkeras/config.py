"""Process-wide settings, read once from `~/.keras/keras.json` as Keras reads them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

KERAS_VERSION = "2.15.0"  # what scripts see, and what files say that torchkeras writes

_FLOATX = ("float16", "bfloat16", "float32", "float64")
_FORMATS = ("channels_last", "channels_first")
_settings = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "jit_backend": "inductor",
}


def keras_home() -> Path:
    """The folder of settings and downloaded files: `$KERAS_HOME`, else `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def floatx() -> str:
    """Name of the default float type, `'float32'` unless set otherwise."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float type: 'float16', 'bfloat16', 'float32' or 'float64'."""
    _settings["floatx"] = _one_of("floatx", value, _FLOATX)


def epsilon() -> float:
    """The small number that keeps logarithms and divisions finite, 1e-7 unless set."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the number that `epsilon()` returns."""
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """The default axis order of images, 'channels_last' unless set otherwise."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the default axis order of images: 'channels_last' or 'channels_first'."""
    _settings["image_data_format"] = _one_of("image_data_format", data_format, _FORMATS)


def jit_backend() -> str:
    """The compiler that `compile(jit_compile=True)` has torch.compile use, 'inductor' at first."""
    return _settings["jit_backend"]


def set_jit_backend(value: str) -> None:
    """Set it: 'eager' and 'aot_eager' need no C++ compiler, see `torch.compiler.list_backends`."""
    _settings["jit_backend"] = str(value)


def enable_op_determinism() -> None:
    """Have torch choose kernels whose results repeat bit for bit; with `utils.set_random_seed`
    a run then gives the same numbers again. RuntimeError from an operation that has none.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def standardize_data_format(value: str | None) -> str:
    """`value` checked, or the default axis order where it is None."""
    if value is None:
        return image_data_format()
    return _one_of("data_format", str(value).lower(), _FORMATS)


def _one_of(setting, value, allowed):
    if value not in allowed:
        raise ValueError(f"{setting} must be one of {', '.join(allowed)}; received {value!r}.")
    return value


def _read_keras_json() -> None:
    path = keras_home() / "keras.json"
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):  # absent or unreadable: the defaults hold, as in Keras
        return
    if not isinstance(found, dict):
        return
    setters = {
        "floatx": set_floatx,
        "epsilon": set_epsilon,
        "image_data_format": set_image_data_format,
    }
    for key, setter in setters.items():
        if key in found:
            setter(found[key])


_read_keras_json()
