"""`MultiHeadAttention`: several dot-product attentions side by side, each on its own projection."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from .. import constraints, initializers, regularizers, tree
from ..connected import shape_of
from ..dropping import dropout
from ..graph import KerasTensor
from ..layer import TABLE, Layer, Weight
from .attention import causal_mask, fused_attention, merge_masks, penalty


def _rows(name, kernel, bias, **sizes):
    """The rows of one projection; `kernel` and `bias` are their layouts."""
    return (
        Weight(f"{name}/kernel", f"{name}.weight", kernel, setting=f"{name}_kernel", sizes=sizes),
        Weight(f"{name}/bias", f"{name}.bias", bias, setting=f"{name}_bias", sizes=sizes),
    )


@TABLE.add()
class MultiHeadAttention(Layer):
    """Attention of `num_heads` heads of size `key_dim` (Vaswani et al., 2017), on torch's kernels.

    Called on query `(batch, tq, dim)`, value `(batch, tv, dim)` and, where it differs from value,
    key; gives `(batch, tq, dim of query or output_shape)`, with `return_attention_scores` also
    the weights `(batch, heads, tq, tv)`. With more axes, attention runs over `attention_axes`,
    all between batch and features unless given.

    `attention_mask` `(batch, tq, tv)` holds where a query may look; the masks that query, value
    and key carry, or that are given as `query_mask`, `value_mask`, `key_mask` `(batch, time)`,
    and `use_causal_mask` restrict it further.

    >>> layer = MultiHeadAttention(num_heads=2, key_dim=3)
    >>> layer(torch.ones(1, 4, 5), torch.ones(1, 6, 5)).shape
    torch.Size([1, 4, 5])
    """

    supports_masking = True
    _inputs_first = "query"
    weight_map = (
        *_rows("query", "(h k) i -> i h k", "(h k) -> h k", h="num_heads"),
        *_rows("key", "(h k) i -> i h k", "(h k) -> h k", h="num_heads"),
        *_rows("value", "(h k) i -> i h k", "(h k) -> h k", h="num_heads"),
        *_rows("attention_output", "o (h v) -> h v o", None, h="num_heads"),
    )

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        self._robust = bool(kwargs.pop("softmax_robust_masking", False))  # tf_keras after 2.15
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        for argument, size in (("num_heads", num_heads), ("key_dim", key_dim)):
            if not isinstance(size, int) or size < 1:
                raise ValueError(
                    f'{argument} of layer "{self.name}" must be a positive integer; received '
                    f"{size!r}."
                )
        self.num_heads, self.key_dim = num_heads, key_dim
        self.value_dim = value_dim or key_dim
        self.dropout, self.use_bias = dropout, use_bias
        self._output_sizes = output_shape
        self.attention_axes = (
            (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._query_shape = self._key_shape = self._value_shape = None

    # --- calling ---------------------------------------------------------------------------

    def __call__(self, query, value, key=None, *args, **kwargs):
        kwargs |= zip(_AFTER_KEY, args, strict=False)
        kwargs["value"] = value
        if key is not None:
            kwargs["key"] = key
        for name in ("value", "key", "attention_mask", "query_mask", "value_mask", "key_mask"):
            given = kwargs.get(name)
            if given is not None and not isinstance(given, KerasTensor):
                kwargs[name] = self._ready(given)
                if name in ("value", "key") and kwargs.get(f"{name}_mask") is None:
                    kwargs[f"{name}_mask"] = getattr(given, "_keras_mask", None)
        if not self.built:
            self._build_from_signature(query, value, key)
        return super().__call__(query, **kwargs)

    def call(
        self,
        query,
        value,
        key=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        mask=None,
    ):
        key = value if key is None else key
        carried = mask if isinstance(mask, (list, tuple)) else (mask, None, None)
        given = (query_mask, value_mask, key_mask)
        masks = [c if g is None else g for c, g in zip(carried, given, strict=True)]
        mask = self._joined_mask(masks, attention_mask)
        causal = bool(use_causal_mask)
        if causal and (mask is not None or self._axes != (1,)):
            lower = causal_mask(query.shape[1], value.shape[1], query.device)
            mask, causal = merge_masks(mask, lower.unsqueeze(0)), False
        queries = [query.shape[axis] for axis in self._axes]
        keys = [key.shape[axis] for axis in self._axes]
        query = self._by_head(self.query(query), self.key_dim)
        key = self._by_head(self.key(key), self.key_dim)
        value = self._by_head(self.value(value), self.value_dim)
        if mask is not None:
            mask = self._laid_out(mask, query, queries, keys)
        training = self.training if training is None else training
        rate, scale = float(self.dropout) if training else 0.0, 1.0 / math.sqrt(self.key_dim)
        if not return_attention_scores:
            outputs = fused_attention(query, key, value, mask, causal, rate, scale)
            return self._joined_heads(outputs, queries)
        scores = (query * scale) @ key.transpose(-1, -2)
        if causal:
            mask = causal_mask(*scores.shape[-2:], scores.device)
        if mask is not None:
            scores = scores + penalty(mask, scores.dtype)
        weights = scores.softmax(-1)
        outputs = self._joined_heads(dropout(weights, rate) @ value, queries)
        if len(self._axes) != 1:
            weights = weights.unflatten(-1, keys).unflatten(-1 - len(keys), queries)
        return outputs, weights

    def _joined_mask(self, masks, attention_mask):
        """The masks of query, value and key, and the given one, as one `(batch, tq, tv)`."""
        if attention_mask is not None and self._robust and attention_mask.dtype is not torch.bool:
            attention_mask = attention_mask > 0.5
        joined = None
        for mask, axis in zip(masks, (-1, -2, -2), strict=True):
            if mask is not None:
                joined = merge_masks(joined, mask.bool().unsqueeze(axis))
        if joined is None or attention_mask is None:
            return attention_mask if joined is None else joined
        return attention_mask.bool() & joined

    def _by_head(self, projected, size):
        """`(batch, ..., attention axes, heads * size)` as `(batch, ..., heads, places, size)`."""
        split = projected.unflatten(-1, (self.num_heads, size))
        if self._order == (0, 2, 1, 3):
            return split.transpose(1, 2)
        split = split.permute(self._order)
        return split.flatten(-1 - len(self._axes), -2)

    def _joined_heads(self, outputs, queries):
        """The inverse of `_by_head`, then the last projection."""
        if self._order == (0, 2, 1, 3):
            outputs = outputs.transpose(1, 2)
        else:
            outputs = outputs.unflatten(-2, queries).permute(self._order_back)
        outputs = self.attention_output(outputs.flatten(-2))
        sizes = self._output_sizes
        return outputs.unflatten(-1, sizes) if isinstance(sizes, (list, tuple)) else outputs

    def _laid_out(self, mask, query, queries, keys):
        """A mask with the missing axes, heads first, and the attention axes as one each."""
        count = len(self._axes)
        rank = query.ndim - 2 + 2 * count
        while mask.ndim < rank:
            mask = mask.unsqueeze(max(-2 * count - 1, -1 - mask.ndim))
        if count == 1:
            return mask
        mask = mask.expand(*mask.shape[: -2 * count], *queries, *keys)
        return mask.flatten(-count).flatten(-1 - count, -2)

    def _record(self, args, kwargs):
        outputs = super()._record(args, kwargs)
        first = args[0] if args else kwargs["query"]
        masks = [
            getattr(t, "_keras_mask", None) for t in (first, kwargs["value"], kwargs.get("key"))
        ]
        if any(mask is not None for mask in masks):
            next(tree.leaves(outputs)).node.mask = masks
        return outputs

    def _symbolic_outputs(self, args, kwargs):
        query, value = args[0], kwargs["value"]
        outputs = KerasTensor(self.compute_output_shape(query.shape), self.compute_dtype)
        if not kwargs.get("return_attention_scores"):
            return outputs
        key = kwargs.get("key", value)
        lead = [query.shape[axis] for axis in self._order[: -1 - len(self._axes)][:-1]]
        places = [tensor.shape[axis] for tensor in (query, key) for axis in self._axes]
        return outputs, KerasTensor((*lead, self.num_heads, *places), self.compute_dtype)

    def compute_output_shape(
        self, query_shape: Any, value_shape: Any = None, key_shape: Any = None
    ) -> tuple:
        sizes = self._output_sizes
        if not sizes:
            return tuple(query_shape)
        return (*query_shape[:-1], *(sizes if isinstance(sizes, (list, tuple)) else [sizes]))

    # --- building --------------------------------------------------------------------------

    def _build_from_signature(self, query: Any, value: Any, key: Any = None) -> None:
        """Make the weights for tensors or shapes of query, value and key."""
        shapes = [shape_of(t) if hasattr(t, "shape") else t for t in (query, value, key)]
        self.build(*shapes)

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Make the weights; value is shaped like query, and key like value, unless given."""
        if self.built:
            return
        value_shape = query_shape if value_shape is None else value_shape
        key_shape = value_shape if key_shape is None else key_shape
        self._query_shape, self._value_shape, self._key_shape = (
            tuple(shape) for shape in (query_shape, value_shape, key_shape)
        )
        sizes = {}
        for role in ("query", "key", "value"):
            shape = getattr(self, f"_{role}_shape")
            if shape[-1] is None or len(shape) != len(query_shape) or len(shape) < 3:
                raise ValueError(
                    f'The {role} of layer "{self.name}" must have rank 3 or more, the rank of the '
                    f"query, and a known last axis; received shape {shape}."
                )
            sizes[role] = int(shape[-1])
        self._settle_axes(len(query_shape))
        self._settle_settings()
        bias = self.use_bias
        width = self.num_heads * self.key_dim
        self.query = self.make(nn.Linear, sizes["query"], width, bias=bias)
        self.key = self.make(nn.Linear, sizes["key"], width, bias=bias)
        width = self.num_heads * self.value_dim
        self.value = self.make(nn.Linear, sizes["value"], width, bias=bias)
        self._settle_output(width, sizes["query"])
        self.built = True

    def _settle_axes(self, rank):
        """The order of axes in which attention is a matrix product, and the way back."""
        axes = range(1, rank - 1) if self.attention_axes is None else self.attention_axes
        self.attention_axes = tuple(axes)
        # Counted, as in tf.keras, in the projected tensors, which have an axis of heads.
        axes = tuple(a + rank + 1 if a < 0 else a for a in self.attention_axes)
        if not axes or not all(0 < axis < rank - 1 for axis in axes) or len({*axes}) < len(axes):
            raise ValueError(
                f'attention_axes of layer "{self.name}" must be axes between the batch and the '
                f"features of inputs of rank {rank}; received {self.attention_axes}."
            )
        others = [axis for axis in range(rank) if axis not in axes]
        self._axes = axes
        self._order = (*others[:-1], rank - 1, *axes, rank)  # heads stand where features stood
        self._order_back = tuple(self._order.index(axis) for axis in range(rank + 1))

    def _settle_output(self, width, query_size):
        sizes = self._output_sizes
        if not isinstance(sizes, (list, tuple)):
            size = sizes or query_size
            self.attention_output = self.make(nn.Linear, width, size, bias=self.use_bias)
            return
        size = math.prod(sizes)
        self.attention_output = self.make(nn.Linear, width, size, bias=self.use_bias)
        letters = [f"o{number}" for number in range(len(sizes))]
        known = {letter: f"_output_{letter}" for letter in letters}
        for letter, size in zip(letters, sizes, strict=True):
            setattr(self, known[letter], size)
        out = " ".join(letters)
        layouts = f"({out}) (h v) -> h v {out}", f"({out}) -> {out}"
        rows = _rows("attention_output", *layouts, h="num_heads", **known)
        self.weight_map = (*type(self).weight_map[:-2], *rows)

    def _settle_settings(self):
        """Settings for each weight; initializers are copied, as one instance repeats its draws."""
        for role in ("query", "key", "value", "attention_output"):
            for part in ("kernel", "bias"):
                initializer = getattr(self, f"{part}_initializer")
                if hasattr(initializer, "get_config"):
                    initializer = type(initializer).from_config(initializer.get_config())
                setattr(self, f"{role}_{part}_initializer", initializer)
                for kind in ("regularizer", "constraint"):
                    setattr(self, f"{role}_{part}_{kind}", getattr(self, f"{part}_{kind}"))

    # --- config ----------------------------------------------------------------------------

    def _setting(self, parameter):
        if parameter == "output_shape":  # the attribute of that name is the symbolic output's
            return self._output_sizes
        return super()._setting(parameter)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["query_shape"] = self._query_shape
        config["key_shape"] = self._key_shape
        config["value_shape"] = self._value_shape
        if self._robust:
            config["softmax_robust_masking"] = True
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MultiHeadAttention:
        """The layer of a config, built where the config tells the shapes of its inputs."""
        config = dict(config)
        shapes = [config.pop(f"{role}_shape", None) for role in ("query", "value", "key")]
        layer = cls(**config)
        if None not in shapes:
            layer._build_from_signature(*map(tuple, shapes))
        return layer


_AFTER_KEY = ("attention_mask", "return_attention_scores", "training", "use_causal_mask")
