"""Updates of those rows of a table that a batch uses, as tf.keras makes them for embeddings.

tf.keras clips the rows of a batch before those of the same index are added up, and the optimizers
of `optimizers.legacy` leave rows alone that a batch does not use: both give other numbers than the
dense gradient. Rules that leave a row without gradient as it is save a pass over a large table.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .state import Batch

LARGE = 1 << 20  # elements from which a pass over a table costs more than looking up its rows


def wanted(optimizer: Any, layer: Any) -> bool:
    """Whether `optimizer` wants the gradient of an embedding layer by rows."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return False  # processes exchange dense gradients
    if optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm:
        return True
    large = layer.input_dim * layer.output_dim >= LARGE
    return optimizer.rows_alone and (large or optimizer.rows_differ)


def split(batch: Batch, grads: list[Tensor], dense: bool) -> list[tuple[Batch, list[Tensor]]]:
    """A batch with sparse gradients as one with the others, and one for each table.

    The gradient of a table is what it is for each index of the batch, unless `dense`.
    """
    rows = tuple(grad.is_sparse for grad in grads)
    work = []
    if not all(rows):
        rest = batch.part(tuple(not one for one in rows))
        given = [grad for grad, one in zip(grads, rows, strict=True) if not one]
        work.append((rest, rest.aligned(given)))
    for place, (grad, one) in enumerate(zip(grads, rows, strict=True)):
        if not one:
            continue
        only = tuple(n == place for n in range(batch.count))
        if dense or grad.sparse_dim() != 1:
            table = batch.part(only)
            work.append((table, table.aligned([grad.to_dense()])))
        else:
            work.append((batch.table(only, grad._indices()[0]), [grad._values()]))
    return work


def update(optimizer: Any, batch: Batch, values: Tensor, lr: Any) -> None:
    """One step for a table by the gradient `values` of `batch.indices`."""
    (table,) = batch.params
    if not optimizer.rows_alone:
        dense = torch.zeros_like(table).index_add_(0, batch.indices, values)
        return optimizer.update(batch.params, [dense], lr, **batch.slots)
    indices, total = _added_up(batch.indices, values)
    names = [name for name in optimizer._allocated() if name != "average"]
    slots = {name: batch.slots[name][0] for name in names}
    here = {name: [slot.index_select(0, indices)] for name, slot in slots.items()}
    rows = [table.index_select(0, indices)]
    optimizer.update(rows, [total], lr, **here, **optimizer.extras(rows))
    optimizer.rest(slots)
    table.index_copy_(0, indices, rows[0])
    for name, slot in slots.items():
        slot.index_copy_(0, indices, here[name][0])


def _added_up(indices: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Indices in order, each with the sum of all its values.

    A repeated index stays repeated, with the same sum: how many there are would have to be read
    from the device.
    """
    indices, order = torch.sort(indices)
    number = torch.zeros_like(indices)
    torch.cumsum(indices[1:] != indices[:-1], 0, out=number[1:])
    total = torch.zeros_like(values).index_add_(0, number, values[order])
    return indices, total[number]
