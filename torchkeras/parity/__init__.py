"""The parity doctor: two models side by side, layer by layer, and the rule by which they differ.

`compare_models` runs both on the same inputs. What each does is noted as calls of native modules of
torch (`events`), calls are paired (`pairs`), and where a pair parts, the known ways in which ports
go wrong are tried (`rules`): a rule is named only where the difference vanishes by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import tree
from .events import events_of
from .inputs import arguments_of, drawn_inputs
from .pairs import Step, paired, steps_of
from .report import table
from .rules import Trial, apart, as_output, in_one_order


@dataclass
class Row:
    """One layer: its names in A and B, how far its results are apart, and why.

    `difference` is that in the run of the whole models, `alone` that of the layer of B when it is
    given what the layer of A was given; both are relative to the scale of the values.
    """

    a: str | None
    b: str | None
    kind: str
    difference: float
    alone: float
    rule: str | None = None
    fed_alike: bool = False


@dataclass
class Comparison:
    """The rows in the order of A, then one for the outputs; `findings` are rows with a rule."""

    rows: list[Row]
    tolerance: float

    @property
    def equal(self) -> bool:
        """Whether the outputs agree and nothing was found."""
        return self.rows[-1].difference <= self.tolerance and not self.findings

    @property
    def findings(self) -> list[Row]:
        return [row for row in self.rows if row.rule]

    @property
    def first(self) -> Row | None:
        """Where the models part."""
        parted = [row for row in self.rows if row.rule or row.difference > self.tolerance]
        return parted[0] if parted else None

    def __str__(self):
        return table(self)


def compare_models(a: Any, b: Any, x: Any = None, tolerance: float = 1e-4) -> Comparison:
    """Two models on the same inputs `x`, layer by layer; in inference mode.

    `a` and `b` are Keras models or modules of torch. Without `x` random inputs are drawn for the
    shapes that one of them tells. A module that wants channels second is given them so. Values
    agree where they differ by `tolerance`, relative to their scale, or less.

    >>> import torchkeras as keras
    >>> from torch import nn
    >>> a = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    >>> b = nn.Sequential(nn.Linear(3, 2), nn.Sigmoid())
    >>> b[0].load_state_dict(a.layers[0].linear.state_dict())
    <All keys matched successfully>
    >>> compare_models(a, b).first.rule
    'activation sigmoid is missing in A'
    """
    inputs = drawn_inputs(a, b) if x is None else [torch.as_tensor(one) for one in _listed(x)]
    ran = []
    for model in (a, b):
        call = arguments_of(model, inputs)
        ran.append(events_of(model, call))
    (out_a, events_a), (out_b, events_b) = ran
    (steps_a, end_a), (steps_b, _) = steps_of(events_a), steps_of(events_b)
    trial = Trial(tolerance)
    rows, last, parted = [], None, False
    for one, other in paired(steps_a, steps_b):
        row = _row(trial, one, other, last, parted)
        rows.append(row)
        parted = parted or row.difference > tolerance
        last = one.y if one is not None else last
    rows.append(_output_row(trial, out_a, out_b, last, end_a, parted))
    _drop_explained(rows)
    return Comparison(rows, tolerance)


def _drop_explained(rows):
    """What one model alone has explains a difference right behind it, or is nothing if none is."""
    alone: list[Row] = []
    for row in rows:
        if row.a is None or row.b is None:
            alone.append(row)
            continue
        if row.fed_alike:
            for one in alone:
                one.rule = None
        elif alone and row.rule and row.rule.endswith(_NO_RULE):
            row.rule = None
        alone = []


_NO_RULE = "no known rule explains it"


def _listed(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _row(trial: Trial, a: Step | None, b: Step | None, last: Tensor | None, parted: bool) -> Row:
    if a is None or b is None:
        step, side = (a, "A") if b is None else (b, "B")
        rule = None if parted else f"only {side} has it"
        return Row(a and a.name, b and b.name, step.kind, float("nan"), float("nan"), rule)
    x, y = a.x, as_output(a, b.y)
    row = Row(a.name, b.name, a.kind, apart(a.y, y), float("nan"))
    same_inputs = trial.equal(x, in_one_order(x, b.x))
    row.fed_alike = same_inputs
    given = x if a.x.shape == b.x.shape else _turned(x, b.x)
    if same_inputs or parted:
        row.alone = _alone(trial, a, b, given)
        if row.alone > trial.tolerance:
            row.rule = trial.inside(a, b, given, last) or _unexplained(same_inputs)
    else:
        row.rule = trial.between(x, b.x, last, a.before)
        row.alone = _alone(trial, a, b, given)
        if row.alone > trial.tolerance:
            inner = trial.inside(a, b, given, last)
            row.rule = "; ".join(filter(None, (row.rule, inner)))
        row.rule = row.rule or f"what goes in differs; {_NO_RULE}"
    row.rule = row.rule or trial.in_training(a, b, given)
    return row


def _unexplained(certain):
    return _NO_RULE if certain else None


def _turned(x, like):
    moved = in_one_order(like, x)
    return moved if moved.ndim == like.ndim else x


def _alone(trial, a, b, x):
    try:
        return apart(a.y, as_output(a, trial._run(b, x)))
    except Exception:  # a layer of B that cannot take what the one of A takes
        return float("inf")


def _tensors(structure):
    return [leaf for leaf in tree.leaves(structure) if isinstance(leaf, Tensor)]


def _output_row(trial, out_a, out_b, last, end, parted):
    flat_a, flat_b = (
        [t for t in tree.leaves(one) if isinstance(t, Tensor)] for one in (out_a, out_b)
    )
    if len(flat_a) != len(flat_b):
        told = f"A has {len(flat_a)} outputs, B has {len(flat_b)}"
        return Row("outputs", "outputs", "output", float("inf"), float("nan"), told)
    pairs = [(one, in_one_order(one, other)) for one, other in zip(flat_a, flat_b, strict=True)]
    far = max(apart(*pair) for pair in pairs)
    row = Row("outputs", "outputs", "output", far, float("nan"))
    row.fed_alike = far <= trial.tolerance
    if far > trial.tolerance and not parted:
        worst = max(pairs, key=lambda pair: apart(*pair))
        row.rule = trial.between(*worst, last, end) or _NO_RULE
    return row


__all__ = ["Comparison", "Row", "compare_models"]
