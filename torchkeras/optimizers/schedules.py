"""Learning rates that depend on the step.

Called with a number a schedule answers with a Python float, computed on the host in the precision
of Keras (float32); called with a tensor it answers with a tensor on the same device.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..registry import Table
from ..variable import Variable

TABLE = Table("learning rate schedule", "keras.optimizers.schedules")


class LearningRateSchedule:
    """Base of all schedules: a subclass defines `__call__(step)` and `get_config()`.

    `step` of a subclass of your own is a 0-d integer tensor on the CPU; it may answer with a
    number or a tensor.

    >>> class Warmup(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * min(1.0, float(step) / 10)
    >>> rate_at(Warmup(), 5)
    0.05
    """

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step).")

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            f"{type(self).__name__} must define get_config(self) to be written to a file."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        return cls(**config)


def rate_at(schedule: LearningRateSchedule, step: int) -> float | Tensor:
    """The rate at `step` without reading from a device: a number, or a tensor left where it is."""
    if type(schedule).__call__.__module__ == __name__:
        return schedule(step)
    rate = schedule(torch.tensor(step, device="cpu"))
    if isinstance(rate, Variable):
        rate = rate.value
    if isinstance(rate, Tensor) and rate.device.type != "cpu":
        return rate.detach()
    return float(rate)


class _Formula(LearningRateSchedule):
    """A schedule given by one formula, `rate(step, number)`, over float32 scalars or tensors.

    `number` turns a constant into the kind of `step`; what numpy and torch both have comes from
    `_library(step)`.
    """

    def __call__(self, step):
        if isinstance(step, Variable):
            step = step.value
        if isinstance(step, Tensor):
            dtype = step.dtype if step.is_floating_point() else torch.float32
            return self.rate(
                step.to(dtype), lambda value: torch.full_like(step, value, dtype=dtype)
            )
        with np.errstate(all="ignore"):
            return float(self.rate(np.float32(step), np.float32))


def _library(step):
    return torch if isinstance(step, Tensor) else np


@TABLE.add()
class ExponentialDecay(_Formula):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`; whole powers if `staircase`.

    >>> round(ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20), 4)
    0.025
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def rate(self, step, number):
        power = step / number(self.decay_steps)
        if self.staircase:
            power = _library(step).floor(power)
        return number(self.initial_learning_rate) * number(self.decay_rate) ** power

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


@TABLE.add()
class InverseTimeDecay(_Formula):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`; in steps if `staircase`.

    >>> round(InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)(10), 4)
    0.05
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def rate(self, step, number):
        passed = step / number(self.decay_steps)
        if self.staircase:
            passed = _library(step).floor(passed)
        return number(self.initial_learning_rate) / (number(1) + number(self.decay_rate) * passed)

    get_config = ExponentialDecay.get_config


@TABLE.add()
class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` from after `boundaries[i - 1]` up to and including `boundaries[i]`.

    >>> [PiecewiseConstantDecay([2, 4], [0.5, 0.25, 0.125])(step) for step in (0, 2, 3, 5)]
    [0.5, 0.5, 0.25, 0.125]
    """

    def __init__(self, boundaries, values, name=None):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "PiecewiseConstantDecay needs one value more than boundaries; received "
                f"{len(boundaries)} boundaries and {len(values)} values."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step):
        if isinstance(step, Variable):
            step = step.value
        if isinstance(step, Tensor):
            rate = torch.full_like(step, self.values[0], dtype=torch.float32)
            for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
                rate = torch.where(step > boundary, value, rate)
            return rate
        passed = sum(step > boundary for boundary in self.boundaries)
        return float(np.float32(self.values[passed]))

    def get_config(self):
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


@TABLE.add()
class PolynomialDecay(_Formula):
    """From `initial_learning_rate` to `end_learning_rate` in `decay_steps`, by a power of time.

    With `cycle`, the descent starts again each time, over a longer stretch.

    >>> round(PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)(5), 4)
    0.05
    """

    def __init__(
        self, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False,
        name=None,
    ):  # fmt: skip
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def rate(self, step, number):
        library, length = _library(step), number(self.decay_steps)
        if self.cycle:
            length = length * library.where(step == 0, number(1), library.ceil(step / length))
        else:
            step = library.minimum(step, length)
        end = number(self.end_learning_rate)
        span = number(self.initial_learning_rate) - end
        return span * (number(1) - step / length) ** number(self.power) + end

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


@TABLE.add()
class CosineDecay(_Formula):
    """Half a cosine from the initial rate down to `alpha` times it, over `decay_steps`.

    With `warmup_target`, first a straight line from `initial_learning_rate` to the target over
    `warmup_steps`; the cosine then starts at the target.

    >>> round(CosineDecay(0.1, decay_steps=10)(5), 4)
    0.05
    """

    def __init__(
        self, initial_learning_rate, decay_steps, alpha=0.0, name=None, warmup_target=None,
        warmup_steps=0,
    ):  # fmt: skip
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def rate(self, step, number):
        library, length = _library(step), number(self.decay_steps)
        start = number(self.initial_learning_rate)
        if self.warmup_target is None:
            return self._cosine(library.minimum(step, length), length, start, number)
        warmup, target = number(self.warmup_steps), number(self.warmup_target)
        step = library.minimum(step, length + warmup)
        line = (target - start) * (step / warmup) + start
        cosine = self._cosine(step - warmup, length, target, number)
        return library.where(step < warmup, line, cosine)

    def _cosine(self, step, length, start, number):
        cosine = _library(step).cos(number(math.pi) * (step / length))
        decayed = number(0.5) * (number(1) + cosine)
        return start * (number(1 - self.alpha) * decayed + number(self.alpha))

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


@TABLE.add()
class CosineDecayRestarts(_Formula):
    """Cosine decay that starts again, each time `t_mul` times longer and `m_mul` times higher.

    >>> [round(CosineDecayRestarts(0.1, first_decay_steps=10)(step), 4) for step in (0, 5, 10)]
    [0.1, 0.05, 0.1]
    """

    def __init__(
        self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name=None
    ):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def rate(self, step, number):
        library, one = _library(step), number(1)
        done = step / number(self.first_decay_steps)
        if self.t_mul == 1.0:
            restarts = library.floor(done)
            done = done - restarts
        else:
            growth = number(self.t_mul)
            logs = library.log(one - done * (one - growth)) / library.log(growth)
            restarts = library.floor(logs)
            before = (one - growth**restarts) / (one - growth)
            done = (done - before) / growth**restarts
        height = number(0.5) * number(self.m_mul) ** restarts
        decayed = height * (one + library.cos(number(math.pi) * done))
        alpha = number(self.alpha)
        return number(self.initial_learning_rate) * ((one - alpha) * decayed + alpha)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


def serialize(learning_rate_schedule: LearningRateSchedule, use_legacy_format: bool = False) -> Any:
    """The config of a schedule.

    >>> serialize(ExponentialDecay(0.1, 10, 0.5))["class_name"]
    'ExponentialDecay'
    """
    config = TABLE.serialize(learning_rate_schedule)
    if use_legacy_format:
        name = config["registered_name"] or config["class_name"]
        return {"class_name": name, "config": config["config"]}
    return config


def deserialize(config: Any, custom_objects=None, use_legacy_format: bool = False) -> Any:
    """The schedule of a config, in the present or the older form.

    >>> deserialize(serialize(ExponentialDecay(0.1, 10, 0.5)))(0)
    0.10000000149011612
    """
    return TABLE.deserialize(config, custom_objects)
