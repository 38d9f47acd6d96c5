"""What layers over images, sequences and volumes share: axis order, window sizes, padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

from .. import layout
from ..config import standardize_data_format
from ..layer import Layer


class SpatialLayer(Layer):
    """A layer whose inputs have `rank` spatial axes, before or behind the channels."""

    rank = 2
    channels_first = False

    def set_data_format(self, data_format: str | None) -> None:
        """Take the argument: 'channels_last', 'channels_first', None for the configured default."""
        self.data_format = standardize_data_format(data_format)
        self.channels_first = self.data_format == "channels_first"

    def to_torch(self, inputs: Tensor) -> Tensor:
        """The batch with channels second, as torch wants it; a view."""
        return inputs if self.channels_first else layout.channels_first(inputs)

    def to_keras(self, outputs: Tensor) -> Tensor:
        """The inverse of `to_torch`."""
        return outputs if self.channels_first else layout.channels_last(outputs)

    @property
    def channel_axis(self) -> int:
        return -1 - self.rank if self.channels_first else -1

    def sizes(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The spatial sizes in a shape."""
        return tuple(shape[-self.rank :] if self.channels_first else shape[-1 - self.rank : -1])

    def shape_with(self, shape: Any, sizes: Iterable[int | None], channels: int | None = None):
        """`shape` with other spatial sizes, and other channels where given."""
        batch = tuple(shape[: -1 - self.rank])
        channels = shape[self.channel_axis] if channels is None else channels
        if self.channels_first:
            return (*batch, channels, *sizes)
        return (*batch, *sizes, channels)

    def known_channels(self, shape: Any) -> int:
        """The number of channels in a shape; ValueError where it is open."""
        channels = shape[self.channel_axis]
        if channels is None:
            raise ValueError(
                f'The channel axis of the inputs of layer "{self.name}" must be known; it is axis '
                f"{self.channel_axis} for data_format={self.data_format!r}. Received shape "
                f"{tuple(shape)}."
            )
        return int(channels)


def integers(value: Any, count: int, argument: str, layer: Layer, least: int = 1) -> tuple:
    """`value`, an integer or `count` of them, as a tuple of integers of at least `least`."""
    try:
        found = (value,) * count if _is_integer(value) else tuple(value)
    except TypeError:
        found = ()
    if len(found) != count or not all(_is_integer(n) and n >= least for n in found):
        raise ValueError(
            f'{argument} of layer "{layer.name}" must be an integer of at least {least} or '
            f"{count} of them; received {value!r}."
        )
    return tuple(int(n) for n in found)


def _is_integer(value):
    return hasattr(value, "__index__") and not isinstance(value, bool)


def padding_mode(value: Any, layer: Layer, allowed: Sequence[str] = ("valid", "same")) -> str:
    """`value` in lower case, one of `allowed`."""
    mode = value.lower() if isinstance(value, str) else value
    if mode not in allowed:
        raise ValueError(
            f'padding of layer "{layer.name}" must be one of {", ".join(map(repr, allowed))}; '
            f"received {value!r}."
        )
    return mode


def output_size(size: int | None, window: int, padding: str, stride: int, dilation: int = 1):
    """How many windows fit along an axis; None where its size is open."""
    if size is None:
        return None
    if padding == "valid":
        size -= (window - 1) * dilation
    return -(-size // stride)


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Padding before and after an axis so that `ceil(size / stride)` windows cover it.

    The odd one goes after, and the amount depends on the size: torch's own 'same' has no strides.
    """
    covered = (-(-size // stride) - 1) * stride + (window - 1) * dilation + 1
    total = max(covered - size, 0)
    return total // 2, total - total // 2


def pad_argument(edges: Sequence[tuple[int, int]]) -> list[int]:
    """(before, after) of each spatial axis as `F.pad` wants them: last axis first."""
    return [amount for pair in reversed(edges) for amount in pair]
