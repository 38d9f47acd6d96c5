"""`tf.SparseTensor`, `tf.sparse` and `tf.edit_distance`, on torch's sparse tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .calls import Namespace, tensor


class SparseTensor:
    """A tensor told by the places and values of what is not zero: one of torch's sparse tensors."""

    def __new__(cls, indices: Any, values: Any, dense_shape: Any):
        places = tensor(indices).long().reshape(-1, len(dense_shape))
        return torch.sparse_coo_tensor(
            places.T, tensor(values), tuple(int(n) for n in dense_shape)
        ).coalesce()


def _to_dense(
    sp_input: Any, default_value: Any = None, validate_indices: bool = True, name: Any = None
) -> Any:
    if not sp_input.is_sparse or not default_value:
        return sp_input.to_dense() if sp_input.is_sparse else sp_input
    sp_input = sp_input.coalesce()
    given = {"dtype": sp_input.dtype, "device": sp_input.device}
    dense = torch.full(tuple(sp_input.shape), default_value, **given)
    dense[tuple(sp_input.indices())] = sp_input.values()
    return dense


def _dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: Any = None
) -> Tensor:
    b = tensor(b)
    return torch.sparse.mm(sp_a.mH if adjoint_a else sp_a, b.mH if adjoint_b else b)


sparse = Namespace(
    "sparse",
    SparseTensor=SparseTensor,
    to_dense=_to_dense,
    from_dense=lambda value, name=None: tensor(value).to_sparse().coalesce(),
    reorder=lambda sp_input, name=None: sp_input.coalesce(),
    sparse_dense_matmul=_dense_matmul,
)


def edit_distance(hypothesis: Any, truth: Any, normalize: bool = True, name: Any = None) -> Tensor:
    """How many insertions, deletions and substitutions lead from each row to that of the truth.

    Both are sparse, of one rank; what stands along the last axis, zeros left out, are the rows.
    `normalize` divides by the length of the truth: inf where it has none and the other has some.
    """
    if not (hypothesis.is_sparse and truth.is_sparse) or hypothesis.ndim != truth.ndim:
        raise ValueError(
            "edit_distance expects two sparse tensors of one rank (tf.sparse.from_dense makes "
            f"them); received shapes {tuple(hypothesis.shape)} and {tuple(truth.shape)}."
        )
    sides = _sequences(hypothesis), _sequences(truth)
    pairs = zip(hypothesis.shape[:-1], truth.shape[:-1], strict=True)
    found = torch.zeros([max(sizes) for sizes in pairs])
    for place in set().union(*sides):
        ours, true = (side.get(place, []) for side in sides)
        distance = _distance(ours, true)
        if normalize:
            distance = distance / len(true) if true else float("inf")
        found[place] = distance
    return found.to(truth.device)


def _sequences(given):
    rows: dict[tuple, list] = {}
    given = given.coalesce()
    for place, value in zip(given.indices().T.tolist(), given.values().tolist(), strict=True):
        rows.setdefault(tuple(place[:-1]), []).append(value)
    return rows


def _distance(ours, true):
    before = list(range(len(true) + 1))
    for count, one in enumerate(ours, 1):
        row = [count]
        for n, other in enumerate(true):
            row.append(min(before[n] + (one != other), before[n + 1] + 1, row[n] + 1))
        before = row
    return before[-1]
