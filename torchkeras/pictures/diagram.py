"""What a picture of a model shows: boxes with texts, arrows, models inside models.

The texts of a box are nested as in Graphviz' records: fields stand side by side, the fields inside
one of them below each other, and so on in turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn

from .. import tree
from ..connected import shape_of
from ..graph import Node, owner
from ..layers.core import InputLayer
from ..layers.wrappers import Wrapper
from ..summary import in_range, layer_kind, layer_name

Label = str | list


@dataclass
class Diagram:
    """`boxes`: key -> label, or a `Diagram` of the model that stands there. `arrows`: pairs of
    keys, each once."""

    name: str
    boxes: dict[str, Label | Diagram] = field(default_factory=dict)
    arrows: dict[tuple[str, str], None] = field(default_factory=dict)

    def first(self) -> str:
        """The key of the box that an arrow to this model ends at."""
        return next((k for k, box in self.boxes.items() if not isinstance(box, Diagram)), "")

    def last(self) -> str:
        keys = [key for key, box in self.boxes.items() if not isinstance(box, Diagram)]
        return keys[-1] if keys else ""


@dataclass(frozen=True)
class Shown:
    """Which facts a picture shows; the arguments of `plot_model`."""

    show_shapes: bool = False
    show_dtype: bool = False
    show_layer_names: bool = True
    expand_nested: bool = False
    show_layer_activations: bool = False
    show_trainable: bool = False


def diagram_of(model: Any, shown: Shown, layer_range: Any = None) -> Diagram:
    """The picture of a built model. ValueError for one not built, TypeError for no model."""
    if not hasattr(model, "built"):
        raise TypeError(f"Expected a model to draw; received {model!r}.")
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by "
            "calling the model on a batch of data."
        )
    graph = getattr(model, "_graph", None)
    picture = Diagram(layer_name(model))
    if graph is None:
        picture.boxes[str(id(model))] = [picture.name]
        return picture
    visible = graph.owners
    if layer_range is not None:
        chosen = set(map(id, in_range(graph.operations, layer_range)))
        visible = [one for one in visible if id(_operation(one)) in chosen]
    for one in visible:
        inner = _model_inside(one, shown)
        if inner is not None:
            picture.boxes[f"model {id(one)}"] = diagram_of(inner, shown)
        if inner is None or isinstance(one, Wrapper):
            picture.boxes[str(id(one))] = _label(one, shown, expanded=inner is not None)
        if isinstance(one, Wrapper) and inner is not None:
            start = picture.boxes[f"model {id(one)}"].first()
            picture.arrows[str(id(one)), start] = None
    known = set(map(id, visible))
    for node in graph.nodes:
        for tensor in node.inputs:
            source, target = owner(tensor.node), owner(node)
            if id(source) in known and id(target) in known:
                picture.arrows[_end(picture, source), _start(picture, target)] = None
    return picture


def _operation(one):
    return one.operation if isinstance(one, Node) else one


def _model_inside(one, shown):
    """The model with a graph that is drawn in place of a layer, or beside its wrapper."""
    inner = getattr(one, "layer", None) if isinstance(one, Wrapper) else one
    is_model = isinstance(inner, nn.Module) and getattr(inner, "_graph", None) is not None
    return inner if shown.expand_nested and is_model else None


def _start(picture, one):
    inner = picture.boxes.get(f"model {id(one)}")
    return str(id(one)) if str(id(one)) in picture.boxes else inner.first()


def _end(picture, one):
    inner = picture.boxes.get(f"model {id(one)}")
    return inner.last() if inner is not None else str(id(one))


# --- the texts of a box ------------------------------------------------------------------------


def _label(one, shown, expanded=False) -> Label:
    layer = _operation(one)
    name, kind = layer_name(layer), layer_kind(layer)
    name = name if layer is one else name.strip("_")  # a function such as `__add__`
    if isinstance(layer, Wrapper) and not expanded:
        name = f"{name}({layer_name(layer.layer)})"
        kind = f"{kind}({layer_kind(layer.layer)})"
    fields: list[Label] = [kind]
    if shown.show_layer_activations and getattr(layer, "activation", None) is not None:
        fields = [[kind, _activation_name(layer.activation)]]
    if shown.show_layer_names:
        fields = [name, *fields]
    if shown.show_dtype:
        fields = [*fields, str(_dtype(one))]
    if shown.show_shapes:
        inputs, outputs = _shapes(one)
        fields = [fields, ["input:", "output:"], [[inputs], [outputs]]]
    if shown.show_trainable:
        fields = ["T" if getattr(layer, "trainable", True) else "NT", *fields]
    return fields


def _activation_name(activation):
    for attribute in ("name", "__name__"):
        if isinstance(found := getattr(activation, attribute, None), str):
            return found
    return str(activation)


def _dtype(one):
    if isinstance(one, Node):
        return tree.flatten(one.outputs)[0].dtype
    return getattr(one, "dtype", None) or "?"


def _shapes(one):
    if isinstance(one, Node):
        inputs = [tensor.shape for tensor in one.inputs]
        outputs = tree.map_structure(shape_of, one.outputs)
        return str(inputs[0] if len(inputs) == 1 else inputs), str(outputs)
    if isinstance(one, InputLayer):
        return (str([one.output_shape]),) * 2
    return _shape_text(one, "input_shape"), _shape_text(one, "output_shape")


def _shape_text(layer, attribute):
    try:
        return str(getattr(layer, attribute))
    except AttributeError:  # called on several shapes, or never
        return "?"
