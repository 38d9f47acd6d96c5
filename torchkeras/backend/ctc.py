"""Connectionist temporal classification (Graves et al., 2006): its loss and its decoders.

The last class is the blank. `y_pred` are probabilities `(batch, time, classes)`.
"""

from __future__ import annotations

import heapq
import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import graph
from ..arrays import to_numpy
from ..config import epsilon
from ..graph import KerasTensor
from ..losses import labels as class_labels
from .operands import recorded, tensors

__all__ = ["ctc_batch_cost", "ctc_decode", "ctc_label_dense_to_sparse"]


@recorded
def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The loss of each sample, `(batch, 1)`, of labels `(batch, longest)`.

    `input_length` and `label_length` are `(batch, 1)`. A label that is no class, or the blank,
    ends its row; ValueError for a negative one, and for one of a class behind such an end.

    >>> even = torch.full((1, 2, 3), 1 / 3)
    >>> [round(v, 4) for v in ctc_batch_cost([[1]], even, [[2]], [[1]])[0].tolist()]
    [1.0986]
    """
    y_pred, y_true, input_length, label_length = tensors(y_pred, y_true, input_length, label_length)
    scores = F.log_softmax(torch.log(y_pred + epsilon()), -1).transpose(0, 1)
    blank = y_pred.shape[-1] - 1
    labels, lengths, wrong = _shown(y_true.long(), label_length.reshape(-1).long(), blank)
    steps = input_length.reshape(-1).long()
    losses = F.ctc_loss(scores, labels, steps, lengths, blank=blank, reduction="none")
    return torch.where(wrong, torch.nan, losses).unsqueeze(1)


def _shown(labels, lengths, blank):
    """Labels, how many of each row come before its first one that is no class, and wrong rows."""
    given = torch.arange(labels.shape[1], device=labels.device) < lengths.reshape(-1, 1)
    ended = ((labels >= blank) & given).cumsum(1) > 0
    wrong = given & ((labels < 0) | ended & (labels < blank))
    told = f"ctc_batch_cost expects labels from 0 to {blank - 1}, the blank being {blank}, and"
    class_labels.refuse(wrong, labels, f"{told} larger ones only at the end, as padding")
    return labels.clamp(0, max(blank - 1, 0)), (given & ~ended).sum(1), wrong.any(1)


@recorded
def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Tensor:
    """The first `label_lengths` labels of each row, as one of torch's sparse tensors.

    >>> ctc_label_dense_to_sparse([[5, 6], [7, 8]], [2, 1]).values().tolist()
    [5, 6, 7]
    """
    labels, lengths = tensors(labels, label_lengths)
    kept = torch.arange(labels.shape[1], device=labels.device) < lengths.reshape(-1, 1)
    places = kept.nonzero().t()
    made = torch.sparse_coo_tensor(places, labels[kept], labels.shape, check_invariants=False)
    return made.coalesce()


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple:
    """The most probable labels, `(batch, time)` filled up with -1, and their scores.

    Returns a list with a tensor for each of the `top_paths` (one where `greedy`) and a tensor of
    scores: log probabilities `(batch, top_paths)`, or for the greedy decoder the negated sum of
    the largest logarithms, `(batch, 1)`. The search of `beam_width` runs on the CPU.

    >>> steps = torch.tensor([[[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.1, 0.8, 0.1]]])
    >>> ctc_decode(steps, [3])[0][0].tolist()
    [[0, 1, -1]]
    """
    if graph.is_symbolic((y_pred, input_length)):
        paths = 1 if greedy else top_paths
        decoded = [KerasTensor(y_pred.shape[:2], "int64") for _ in range(paths)]
        outputs = decoded, KerasTensor((y_pred.shape[0], paths), y_pred.dtype)
        call = (y_pred, input_length, greedy, beam_width, top_paths)
        return graph.record(ctc_decode, call, {}, outputs=outputs)
    y_pred, lengths = tensors(y_pred, input_length)
    scores = torch.log(y_pred + epsilon())
    lengths = lengths.reshape(-1)
    if greedy:
        return _greedy(scores, lengths)
    if not 1 <= top_paths <= beam_width:
        raise ValueError(f"top_paths must be from 1 to beam_width={beam_width}; got {top_paths}.")
    return searched(scores, lengths, beam_width, top_paths)


def _greedy(scores, lengths):
    best, labels = scores.max(-1)
    steps = torch.arange(scores.shape[1], device=scores.device)
    valid = steps < lengths.unsqueeze(1)
    before = F.pad(labels, (1, 0), value=-1)[:, :-1]
    kept = valid & (labels != before) & (labels != scores.shape[2] - 1)
    order = torch.argsort(kept.to(torch.uint8), dim=1, descending=True, stable=True)
    packed = labels.gather(1, order)
    packed = torch.where(steps < kept.sum(1, keepdim=True), packed, -1)
    return [packed], -torch.where(valid, best, 0).sum(1, keepdim=True)


def searched(scores, lengths, beam_width, top_paths, merge=True):
    """The best paths of scores `(batch, time, classes)`; `merge`: their repeated labels once."""
    rows = to_numpy(F.log_softmax(scores.double(), -1))
    decoded = np.full((top_paths, *scores.shape[:2]), -1)
    values = np.zeros((scores.shape[0], top_paths))
    for sample, length in enumerate(lengths.tolist()):
        for number, (labels, value) in enumerate(_beams(rows[sample, :length], beam_width, merge)):
            if number == top_paths:
                break
            decoded[number, sample, : len(labels)] = labels
            values[sample, number] = value
    found = [torch.from_numpy(path).to(scores.device) for path in decoded]
    return found, torch.from_numpy(values).to(scores.device, scores.dtype)


class _Beam:
    """Labels so far, and the logarithms of their probability by how the last step ends."""

    def __init__(self, parent=None, label=-1):
        self.parent, self.label = parent, label
        self.children: dict[int, _Beam] = {}
        self.old = self.new = _NONE

    def labels(self, merge: bool) -> list[int]:
        """Repeated labels merged or not; `tf.keras` has its decoder merge them."""
        found, beam = [], self
        while beam.parent is not None:
            found.append(beam.label)
            beam = beam.parent
        found.reverse()
        return [one for n, one in enumerate(found) if not merge or n == 0 or one != found[n - 1]]


_NONE = (-math.inf, -math.inf, -math.inf)  # ends with a blank, with a label, either


def _beams(rows, width, merge):
    """Labels and log probabilities, the best first, of log probabilities `(time, classes)`."""
    root = _Beam()
    root.new = (0.0, -math.inf, 0.0)
    leaves = [root]
    for row in rows.tolist():
        branches = sorted(leaves, key=lambda beam: -beam.new[2])
        for beam in branches:
            beam.old = beam.new
        heap = [_entry(_stay(beam, row), number) for number, beam in enumerate(branches)]
        heapq.heapify(heap)
        count = len(heap)
        for beam in branches:
            if not _fits(beam.old[2], heap, width):
                continue
            for label, score in enumerate(row[:-1]):
                child = beam.children.get(label)
                if child is None:
                    child = beam.children[label] = _Beam(beam, label)
                if child.new[2] != -math.inf:
                    continue  # a leaf already, and counted in its own turn
                before = beam.old[0] if label == beam.label else beam.old[2]
                if not _fits(score + before, heap, width):
                    child.old = child.new = _NONE
                    continue
                child.new = (-math.inf, score + before, score + before)
                if len(heap) == width:
                    heap[0][2].new = _NONE
                    heapq.heapreplace(heap, _entry(child, count))
                else:
                    heapq.heappush(heap, _entry(child, count))
                count += 1
        leaves = [beam for _, _, beam in heap]
    for beam in sorted(leaves, key=lambda beam: -beam.new[2]):
        yield beam.labels(merge), beam.new[2]


def _stay(beam, row):
    """A step that adds no label: a blank, or the last label going on."""
    with_label = beam.new[1]
    if beam.parent is not None:
        if beam.parent.new[2] != -math.inf:
            repeats = beam.label == beam.parent.label
            with_label = np.logaddexp(with_label, beam.parent.old[0 if repeats else 2])
        with_label += row[beam.label]
    with_blank = beam.old[2] + row[-1]
    beam.new = (with_blank, with_label, np.logaddexp(with_blank, with_label))
    return beam


def _entry(beam, number):
    return beam.new[2], -number, beam


def _fits(total, heap, width):
    return total > -math.inf and (len(heap) < width or total > heap[0][0])
