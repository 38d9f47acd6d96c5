"""Where a layer stands in the graphs it was called in: its symbolic inputs and outputs."""

from __future__ import annotations

from typing import Any

from . import tree
from .graph import Node


class Connected:
    """The part of `Layer` that answers for the symbolic calls made on it."""

    name: str
    _nodes: list[Node]
    _batch_input_shape: tuple | None

    @property
    def inbound_nodes(self) -> list[Node]:
        """The symbolic calls of this layer."""
        return self._nodes

    @property
    def outbound_nodes(self) -> list[Node]:
        """The symbolic calls that use this layer's outputs."""
        return [user() for user in self.__dict__.get("_users", ()) if user() is not None]

    def _node_value(self, attribute, index=0):
        if not self._nodes:
            raise AttributeError(
                f"Layer {self.name!r} has never been called on a symbolic tensor, so it has no "
                f"{attribute}."
            )
        node = self._nodes[index]
        if attribute == "output":
            return node.outputs
        return node.args[0] if node.args else node.outputs

    @property
    def input(self) -> Any:
        """The symbolic input of the layer's first call; `get_input_at(1)` is that of the second."""
        return self._node_value("input")

    @property
    def output(self) -> Any:
        """The symbolic output of the layer's first call."""
        return self._node_value("output")

    def get_input_at(self, node_index: int) -> Any:
        return self._node_value("input", node_index)

    def get_output_at(self, node_index: int) -> Any:
        return self._node_value("output", node_index)

    def get_input_shape_at(self, node_index: int) -> Any:
        return tree.map_structure(shape_of, self.get_input_at(node_index))

    def get_output_shape_at(self, node_index: int) -> Any:
        return tree.map_structure(shape_of, self.get_output_at(node_index))

    def get_input_mask_at(self, node_index: int) -> Any:
        return tree.map_structure(_mask_of, self.get_input_at(node_index))

    def get_output_mask_at(self, node_index: int) -> Any:
        return tree.map_structure(_mask_of, self.get_output_at(node_index))

    @property
    def input_mask(self) -> Any:
        """The mask of the input of the layer's only call."""
        return tree.map_structure(_mask_of, self.input)

    @property
    def output_mask(self) -> Any:
        """The mask of the output of the layer's only call."""
        return tree.map_structure(_mask_of, self.output)

    @property
    def input_shape(self) -> Any:
        if not self._nodes and self._batch_input_shape is not None:
            return self._batch_input_shape
        return self._shape_of_all("input")

    @property
    def output_shape(self) -> Any:
        return self._shape_of_all("output")

    def _shape_of_all(self, attribute):
        shapes = [
            tree.map_structure(shape_of, self._node_value(attribute, i))
            for i in range(max(len(self._nodes), 1))
        ]
        if any(shape != shapes[0] for shape in shapes):
            raise AttributeError(
                f"Layer {self.name!r} was called on several {attribute} shapes: {shapes}. Use "
                f"get_{attribute}_shape_at(index)."
            )
        return shapes[0]


def _mask_of(tensor):
    return getattr(tensor, "_keras_mask", None)


def shape_of(tensor: Any) -> tuple | None:
    """The shape of a tensor, symbolic or not, as a tuple."""
    return tuple(tensor.shape) if hasattr(tensor, "shape") else None
