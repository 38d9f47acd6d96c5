"""What a layer accepts: rank and axis sizes, checked with a message that names the layer."""

from __future__ import annotations

from typing import Any


class InputSpec:
    """Rank, shape, dtype and axis sizes that an input must have; None leaves a point open.

    `axes` maps an axis number to its size; `shape` implies `ndim` and may hold None.

    >>> InputSpec(min_ndim=2, axes={-1: 3})
    InputSpec(min_ndim=2, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: tuple | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
    ):
        self.dtype, self.name = dtype, name
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze

    def get_config(self) -> dict[str, Any]:
        keys = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        return {key: getattr(self, key) for key in keys}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        return cls(**config)

    def __repr__(self):
        told = [f"{k}={v}" for k, v in self.get_config().items() if v is not None and v != {}]
        return f"InputSpec({', '.join(told)})"

    def problem(self, shape: tuple) -> str | None:
        """What is wrong with an input of this shape, in words, or None."""
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={rank}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={rank}"
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                return f"expected axis {axis} of input shape to have value {size}"
        for size, found in zip(self.shape or (), shape, strict=False):
            if size is not None and found is not None and size != found:
                return f"expected shape={self.shape}"
        return None


def check_inputs(spec: Any, shapes: list[tuple], layer_name: str) -> None:
    """ValueError if `shapes` do not meet the layer's `input_spec` (one, a list, or None)."""
    if spec is None:
        return
    specs = spec if isinstance(spec, (list, tuple)) else [spec]
    if len(specs) != len(shapes):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(shapes)}.'
        )
    for number, (one, shape) in enumerate(zip(specs, shapes, strict=True)):
        problem = one.problem(tuple(shape)) if one is not None else None
        if problem:
            raise ValueError(
                f'Input {number} of layer "{layer_name}" is incompatible with the layer: '
                f"{problem}. Full shape received: {tuple(shape)}"
            )
