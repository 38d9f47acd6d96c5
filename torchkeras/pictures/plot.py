"""Pictures of models in files: by Graphviz where it is installed, else as SVG."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ..console import print_msg
from .diagram import Shown, diagram_of
from .dot import model_to_dot
from .svg import to_svg

INSTALL = (
    "Graphviz is not installed; install it with `apt install graphviz`, `brew install graphviz` or "
    "`conda install graphviz`, and its Python package with `pip install pydot`"
)


def plot_model(
    model: Any,
    to_file: str | os.PathLike = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 96,
    layer_range: Any = None,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """Draw a built model into a file; in a notebook also return the picture.

    The ending of `to_file` is the format, ".png" where it has none. Without Graphviz an SVG is
    written, under the ending ".svg" where another was asked for, with a message that says so.
    `rankdir` is the direction: "TB" (downwards), "BT", "LR", "RL". `expand_nested` draws the layers
    of models inside, `layer_range` is a pair of names or patterns of names, the first and the last
    layer to draw. ValueError for a model that is not built.

    >>> import tempfile
    >>> from torchkeras import Sequential, layers
    >>> model = Sequential([layers.Dense(2, input_shape=(3,))])
    >>> path = Path(tempfile.mkdtemp()) / "model.svg"
    >>> _ = plot_model(model, path, show_shapes=True)
    >>> "(None, 2)" in path.read_text()
    True
    """
    path = Path(to_file)
    kind = path.suffix[1:].lower() or "png"
    if rankdir not in ("TB", "BT", "LR", "RL"):
        raise ValueError(f"`rankdir` must be TB, BT, LR or RL; received {rankdir!r}.")
    shown = {
        "show_shapes": show_shapes,
        "show_dtype": show_dtype,
        "show_layer_names": show_layer_names,
        "expand_nested": expand_nested,
        "show_layer_activations": show_layer_activations,
        "show_trainable": show_trainable,
    }
    if has_graphviz():
        dpi = 72 if kind == "svg" else dpi  # at others Graphviz enlarges an SVG, but not its frame
        dot = model_to_dot(model, rankdir=rankdir, dpi=dpi, layer_range=layer_range, **shown)
        dot.write(str(path), format=kind)
        return _for_notebook(path, kind)
    picture = model_to_svg(model, rankdir=rankdir, dpi=dpi, layer_range=layer_range, **shown)
    if kind != "svg":
        path = path.with_suffix(".svg")
        print_msg(f"{INSTALL}. The picture was written as SVG, to {path}.")
    path.write_text(picture, encoding="utf-8")
    return _for_notebook(path, "svg")


def model_to_svg(
    model: Any, rankdir: str = "TB", dpi: int = 96, layer_range: Any = None, **shown: bool
) -> str:
    """The picture of a built model as the text of an SVG; `shown` as in `plot_model`."""
    return to_svg(diagram_of(model, Shown(**shown), layer_range), rankdir, dpi)


def has_graphviz() -> bool:
    """Whether pydot and Graphviz' program `dot` are installed."""
    try:
        import pydot  # noqa: F401
    except ImportError:
        return False
    return shutil.which("dot") is not None


def _for_notebook(path, kind):
    if kind == "pdf":
        return None
    try:
        from IPython import display
    except ImportError:
        return None
    return (display.SVG if kind == "svg" else display.Image)(filename=str(path))
