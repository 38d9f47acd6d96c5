"""Which event of one model is which of the other."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..layers.recurrent import NativeRNN
from ..layers.wrappers import Bidirectional
from .events import ANCHORS, Event


@dataclass(eq=False)
class Step:
    """An event that counts, with what stands before it: padding, and activations behind."""

    event: Event
    before: list[Event]  # since the last step that counts
    pad: Event | None

    @property
    def name(self) -> str:
        return self.event.name

    @property
    def kind(self) -> str:
        return self.event.kind

    @property
    def x(self) -> Tensor:
        """What goes in, before padding."""
        return self.event.x if self.pad is None else self.pad.x

    @property
    def y(self) -> Tensor:
        return self.event.y


def steps_of(events: list[Event]) -> tuple[list[Step], list[Event]]:
    """The events that are compared one by one, and what comes after the last."""
    steps: list[Step] = []
    before: list[Event] = []
    for event in events:
        if event.kind not in ANCHORS:
            before.append(event)
            continue
        pad = None
        if event.kind in ("conv", "pool"):
            pad = next((e for e in before if e.kind == "pad" and e.y is event.x), None)
        steps.append(Step(event, before, pad))
        before = []
    return steps, before


def paired(left: list[Step], right: list[Step]) -> list[tuple[Step | None, Step | None]]:
    """Pairs in the order of `left`, by name where names agree, else by order and shapes."""
    names = [_plain(step) for step in right]
    same = [step for step in left if names.count(_plain(step)) == 1]
    if len(same) * 2 > len(left) and len({_plain(step) for step in left}) == len(left):
        mate = {_plain(step): step for step in right}
        pairs = [(step, mate.get(_plain(step))) for step in left]
        used = {id(b) for _, b in pairs}
        return pairs + [(None, step) for step in right if id(step) not in used]
    for tell in (_kind_and_sizes, lambda step: step.kind):
        a, b = [tell(step) for step in left], [tell(step) for step in right]
        matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
        found = sum(block.size for block in matcher.get_matching_blocks())
        if found == len(left) == len(right) or tell is not _kind_and_sizes:
            return _blocks(left, right, matcher)
    return []


def _plain(step):
    return step.name.replace(".", "_")


def _blocks(left, right, matcher):
    pairs: list[tuple] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            pairs += zip(left[i:j], right[k:m], strict=True)
        else:
            pairs += [(step, None) for step in left[i:j]]
            pairs += [(None, step) for step in right[k:m]]
    return pairs


def _kind_and_sizes(step):
    return step.kind, tuple(sorted(tuple(sorted(w.shape)) for w in weights_of(step).values()))


def weights_of(step: Step) -> dict[str, Tensor]:
    """The weights of a step by the names that torch gives them."""
    operation = step.event.operation
    if not isinstance(operation, nn.Module):
        return {}
    if isinstance(operation, Bidirectional):
        found = {}
        for suffix, one in (("", operation.forward_layer), ("_reverse", operation.backward_layer)):
            if isinstance(one, NativeRNN):
                found |= {f"{name}{suffix}": w for name, w in _tensors(one.rnn).items()}
        return found
    if isinstance(operation, NativeRNN):
        return _tensors(operation.rnn)
    return _tensors(operation)


def _tensors(module: Any) -> dict[str, Tensor]:
    found = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    found = {name: one.detach() for name, one in found.items() if one.is_floating_point()}
    return {name.replace("bias_gates", "bias_ih"): one for name, one in found.items()}
