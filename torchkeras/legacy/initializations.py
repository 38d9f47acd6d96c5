"""`keras.initializations` of Keras 1: functions `(shape, scale, name)` that draw a value."""

from __future__ import annotations

from typing import Any

from .. import initializers
from ..variable import Variable
from .warning import deprecated


def _drawn(name, make):
    def draw(shape: Any, scale: float = 0.05, name: str | None = None, dim_ordering: Any = None):
        deprecated(f"keras.initializations.{title}", f"keras.initializers.{title}")
        return Variable(make(scale)(tuple(shape)), name=name or title)

    title = draw.__name__ = draw.__qualname__ = name
    draw.__doc__ = f"A variable of `shape`, drawn by the initializer {name!r}."
    return draw


normal = _drawn("normal", lambda scale: initializers.RandomNormal(stddev=scale))
uniform = _drawn("uniform", lambda scale: initializers.RandomUniform(-scale, scale))
zero = _drawn("zero", lambda scale: initializers.Zeros())
one = _drawn("one", lambda scale: initializers.Ones())
glorot_normal = _drawn("glorot_normal", lambda scale: initializers.GlorotNormal())
glorot_uniform = _drawn("glorot_uniform", lambda scale: initializers.GlorotUniform())
he_normal = _drawn("he_normal", lambda scale: initializers.HeNormal())
he_uniform = _drawn("he_uniform", lambda scale: initializers.HeUniform())
lecun_uniform = _drawn("lecun_uniform", lambda scale: initializers.LecunUniform())
orthogonal = _drawn("orthogonal", lambda scale: initializers.Orthogonal())
identity = _drawn("identity", lambda scale: initializers.Identity())


def get(identifier: Any, **kwargs: Any) -> Any:
    """A function by its name; a function is itself."""
    return globals()[identifier] if isinstance(identifier, str) else identifier
