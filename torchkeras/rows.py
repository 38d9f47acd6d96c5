"""Rows of a table looked up so that the gradient may be rows, too: as sparse as the batch.

Whoever runs the backward pass decides. Inside `gradients_by_rows` a table's gradient is a sparse
tensor with one row for each index of the batch, in its order and with its repetitions, which is
what tf.keras' optimizers get. Everywhere else it is dense, as any optimizer of torch takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def look_up(table: Tensor, indices: Tensor) -> Tensor:
    """`table[indices]`.

    >>> table = torch.ones(9, 2, requires_grad=True)
    >>> with gradients_by_rows([table]):
    ...     look_up(table, torch.tensor([3, 3])).sum().backward()
    >>> table.grad._indices().tolist(), table.grad._values().tolist()
    ([[3, 3]], [[1.0, 1.0], [1.0, 1.0]])
    """
    return _LookUp.apply(table, indices)


@contextmanager
def gradients_by_rows(tables: Iterable[Tensor]) -> Iterator[None]:
    """Backward passes in this block give rows as the gradients of these tables."""
    tables = list(tables)
    for table in tables:
        table._takes_rows = True
    try:
        yield
    finally:
        for table in tables:
            table._takes_rows = False


class _LookUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, indices: Tensor) -> Tensor:
        ctx.table = table
        ctx.save_for_backward(indices)
        return F.embedding(indices, table)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple:
        (indices,) = ctx.saved_tensors
        count, width = ctx.table.shape
        if not getattr(ctx.table, "_takes_rows", False):
            return torch.ops.aten.embedding_dense_backward(slope, indices, count, -1, False), None
        indices, values = indices.reshape(1, -1).long(), slope.reshape(-1, width)
        size = (count, width)
        return torch.sparse_coo_tensor(indices, values, size, check_invariants=False), None
