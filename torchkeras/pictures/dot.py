"""A model as a pydot graph, for Graphviz."""

from __future__ import annotations

from typing import Any

from .diagram import Diagram, Label, Shown, diagram_of


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 96,
    subgraph: bool = False,
    layer_range: Any = None,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """A built model as a `pydot.Dot`, or with `subgraph=True` as a `pydot.Cluster`.

    What is shown is said by the arguments of `plot_model`. ImportError where pydot is not
    installed, ValueError for a model that is not built.

    >>> from torchkeras import Sequential, layers
    >>> dot = model_to_dot(Sequential([layers.Dense(2, input_shape=(3,), name="d")]))
    >>> [node.get("label") for node in dot.get_nodes()][-1]
    '"d|Dense"'
    """
    pydot = import_pydot()
    shown = Shown(
        show_shapes,
        show_dtype,
        show_layer_names,
        expand_nested,
        show_layer_activations,
        show_trainable,
    )
    picture = diagram_of(model, shown, layer_range)
    if subgraph:
        return _cluster(pydot, picture)
    dot = pydot.Dot()
    dot.set("rankdir", rankdir)
    dot.set("concentrate", True)
    dot.set("dpi", dpi)
    dot.set_node_defaults(shape="record")
    _fill(pydot, dot, picture)
    return dot


def import_pydot() -> Any:
    """The optional package; ImportError with the way to get it."""
    try:
        import pydot
    except ImportError:
        raise ImportError(
            "You must install pydot (`pip install pydot`) for model_to_dot to work. "
            "plot_model writes an SVG without it."
        ) from None
    return pydot


def _cluster(pydot, picture):
    cluster = pydot.Cluster(style="dashed", graph_name=picture.name)
    cluster.set("label", picture.name)
    cluster.set("labeljust", "l")
    _fill(pydot, cluster, picture)
    return cluster


def _fill(pydot, dot, picture: Diagram):
    for key, box in picture.boxes.items():
        if isinstance(box, Diagram):
            dot.add_subgraph(_cluster(pydot, box))
        else:
            dot.add_node(pydot.Node(key, label=f'"{_record(box)}"'))
    for start, end in picture.arrows:
        dot.add_edge(pydot.Edge(start, end))


def _record(label: Label) -> str:
    if isinstance(label, str):
        for character in '\\{}|<>"':
            label = label.replace(character, "\\" + character)
        return label
    told = [_record(one) for one in label]
    return "|".join(
        t if isinstance(o, str) else f"{{{t}}}" for o, t in zip(label, told, strict=True)
    )
