"""Attention: what each query takes from values, by how well it fits their keys."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..dropping import dropout
from ..graph import KerasTensor
from ..layer import TABLE, Layer


class DenseAttention(Layer):
    """What `Attention` and `AdditiveAttention` share: masks, dropout and the weighted mean.

    Inputs `[query (batch, tq, dim), value (batch, tv, dim)]`, and `key` like `value` third where
    the two differ. `mask=[query_mask, value_mask]`: masked values are left out, masked queries
    give zeros. `use_causal_mask` lets query i see the values up to i.
    """

    supports_masking = True

    def __init__(self, dropout: float = 0.0, **kwargs: Any):
        self.causal = bool(kwargs.pop("causal", False))  # Keras before 2.10
        super().__init__(**kwargs)
        self.dropout = dropout

    def score(self, query: Tensor, key: Tensor) -> Tensor:
        """How well queries fit keys: `(batch, tq, tv)`."""
        raise NotImplementedError

    def call(
        self,
        inputs,
        mask=None,
        training=None,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = self._checked_masks(inputs, mask)[:2]
        training = self.training if training is None else training
        rate = float(self.dropout) if training else 0.0
        causal = bool(self.causal or use_causal_mask)
        if value_mask is not None:
            value_mask = value_mask.bool().unsqueeze(-2)
        result, scores = self._attend(
            query, key, value, value_mask, causal, rate, return_attention_scores
        )
        if query_mask is not None:
            result = result * query_mask.unsqueeze(-1).to(result.dtype)
        return (result, scores) if return_attention_scores else result

    def _attend(self, query, key, value, value_mask, causal, rate, with_scores):
        scores = self.score(query, key)
        if causal:
            value_mask = merge_masks(value_mask, causal_mask(*scores.shape[-2:], scores.device))
        if value_mask is not None:
            scores = scores + penalty(value_mask, scores.dtype)
        weights = scores.softmax(-1)
        return dropout(weights, rate) @ value, weights

    def _checked_inputs(self, inputs):
        fits = isinstance(inputs, (list, tuple)) and len(inputs) in (2, 3)
        if not fits or not isinstance(inputs[0], (list, tuple)):
            raise ValueError(
                f'Layer "{self.name}" must be called on a list [query, value] or '
                f"[query, value, key]; received inputs of shape {inputs}."
            )
        return inputs

    def _checked_masks(self, inputs, mask):
        if mask is None:
            return [None, None]
        if not isinstance(mask, (list, tuple)) or not 2 <= len(mask) <= len(inputs):
            raise ValueError(
                f'The mask of layer "{self.name}" must be a list [query_mask, value_mask]; '
                f"received {mask!r}."
            )
        return mask

    def compute_mask(self, inputs, mask=None):
        return self._checked_masks(inputs, mask)[0]

    def compute_output_shape(self, input_shape: Any) -> tuple:
        query, value = self._checked_inputs(input_shape)[:2]
        return (*query[:-1], value[-1])

    def _symbolic_outputs(self, args, kwargs):
        result = super()._symbolic_outputs(args, kwargs)
        if not kwargs.get("return_attention_scores"):
            return result
        query, key = args[0][0], args[0][-1]
        return result, KerasTensor((*query.shape[:-1], key.shape[-2]), result.dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.causal:
            config["causal"] = True
        return config


@TABLE.add()
class Attention(DenseAttention):
    """Dot-product attention (Luong et al., 2015), on torch's fused attention.

    `score_mode="concat"` scores by `sum(tanh(query + key))` instead; `use_scale` learns a factor.
    Output `(batch, tq, dim)`, with `return_attention_scores` also the weights `(batch, tq, tv)`.

    >>> q, v = torch.zeros(1, 1, 2), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> Attention()([q, v]).tolist()
    [[[2.0, 3.0]]]
    """

    def __init__(self, use_scale: bool = False, score_mode: str = "dot", **kwargs: Any):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                f'score_mode of layer "{self.name}" must be "dot" or "concat"; received '
                f"{score_mode!r}."
            )
        self.use_scale, self.score_mode = use_scale, score_mode

    def build(self, input_shape: Any) -> None:
        self._checked_inputs(input_shape)
        self.scale = self.add_weight("scale", (), initializer="ones") if self.use_scale else None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                "concat_score_weight", (), initializer="ones"
            )
        self.built = True

    def score(self, query: Tensor, key: Tensor) -> Tensor:
        if self.score_mode == "dot":
            scores = query @ key.transpose(-1, -2)
            return scores if self.scale is None else scores * self.scale.value
        pairs = query.unsqueeze(-2) + key.unsqueeze(-3)
        if self.scale is not None:
            pairs = pairs * self.scale.value
        return self.concat_score_weight.value * pairs.tanh().sum(-1)

    def _attend(self, query, key, value, value_mask, causal, rate, with_scores):
        if with_scores or self.score_mode != "dot":
            return super()._attend(query, key, value, value_mask, causal, rate, with_scores)
        if self.scale is not None:
            query = query * self.scale.value
        tensors = [query, key, value]
        if query.ndim == 3:  # the fused kernels want an axis of heads
            tensors = [tensor.unsqueeze(1) for tensor in tensors]
            value_mask = None if value_mask is None else value_mask.unsqueeze(1)
        result = fused_attention(*tensors, value_mask, causal, rate, 1.0)
        return (result.squeeze(1) if query.ndim == 3 else result), None


@TABLE.add()
class AdditiveAttention(DenseAttention):
    """Attention that scores by `sum(scale * tanh(query + key))` (Bahdanau et al., 2014).

    `use_scale` learns one factor for each feature. Inputs and outputs are those of `Attention`.

    >>> q, v = torch.zeros(1, 1, 2), torch.tensor([[[1.0, 2.0], [1.0, 2.0]]])
    >>> AdditiveAttention()([q, v]).tolist()
    [[[1.0, 2.0]]]
    """

    def __init__(self, use_scale: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.use_scale = use_scale

    def build(self, input_shape: Any) -> None:
        size = (self._checked_inputs(input_shape)[1][-1],)
        self.scale = self.add_weight("scale", size) if self.use_scale else None
        self.built = True

    def score(self, query: Tensor, key: Tensor) -> Tensor:
        pairs = (query.unsqueeze(-2) + key.unsqueeze(-3)).tanh()
        return (pairs if self.scale is None else pairs * self.scale.value).sum(-1)


def fused_attention(query, key, value, mask, causal, rate, scale):
    """`softmax(scale * query @ key.T) @ value` by torch's fused kernels."""
    if causal and mask is not None:
        mask = merge_masks(mask, causal_mask(query.shape[-2], key.shape[-2], query.device))
        causal = False
    if mask is None:
        return F.scaled_dot_product_attention(
            query, key, value, dropout_p=rate, is_causal=causal, scale=scale
        )
    if mask.dtype is not torch.bool:  # may hold fractions
        weights = ((query * scale) @ key.transpose(-1, -2) + penalty(mask, query.dtype)).softmax(-1)
        return dropout(weights, rate) @ value
    seeing = mask.any(-1, keepdim=True)
    outputs = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask | ~seeing, dropout_p=rate, scale=scale
    )
    return torch.where(seeing, outputs, blind_attention(query, key, value, scale))


def blind_attention(query, key, value, scale):
    """What a query sees whose mask holds nowhere: the mean of all values, as in tf.keras.

    There the scores vanish beside the penalty, but gradients flow through them. The fused kernels
    cannot do that: backwards they would lose the weights' sum to rounding.
    """
    mean = value.mean(-2, keepdim=True)
    if not torch.is_grad_enabled():
        return mean
    spread = (value - mean).detach()
    shift = query @ ((key * (scale / key.shape[-2])).transpose(-1, -2) @ spread)
    return mean + (shift - shift.detach())


def penalty(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to scores: 0 where `mask` holds, else a number so low that nothing is left.

    Not minus infinity: where a mask holds nowhere, all places weigh the same, as in tf.keras.
    """
    lowest = -65504.0 if dtype is torch.float16 else -1e9
    if mask.dtype is torch.bool:
        return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, lowest)
    return (1.0 - mask.to(dtype)) * lowest


def causal_mask(queries: int, keys: int, device: torch.device) -> Tensor:
    """`(queries, keys)`: True up to the diagonal."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril()


def merge_masks(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Where both hold; None stands for everywhere."""
    if one is None or other is None:
        return other if one is None else one
    return one & other
