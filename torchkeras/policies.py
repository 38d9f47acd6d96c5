"""Dtype policies: in which dtype a layer computes, and in which it keeps its weights.

`keras.mixed_precision` of a script; a policy is chosen by a layer's `dtype=` argument, else it is
the global one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .config import floatx
from .precision import dtype_name

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_KINDS = ("Policy", "PolicyV1", "DTypePolicy")  # what configs of different years call it


class Policy:
    """A compute dtype and a dtype for weights, by name.

    'mixed_float16' and 'mixed_bfloat16' compute in 16 bits with weights in float32; the name of a
    dtype stands for both. ValueError for other names.

    >>> Policy("mixed_float16").compute_dtype, Policy("mixed_float16").variable_dtype
    ('float16', 'float32')
    """

    def __init__(self, name: str):
        if not isinstance(name, str):
            raise TypeError(f"The name of a Policy must be a string; received {name!r}.")
        if name in _MIXED:
            self._compute_dtype, self._variable_dtype = _MIXED[name], "float32"
        else:
            try:
                self._compute_dtype = self._variable_dtype = dtype_name(name)
            except ValueError as error:
                raise ValueError(
                    f"{name!r} is not the name of a dtype policy: use 'mixed_float16', "
                    "'mixed_bfloat16' or the name of a dtype, such as 'float32'."
                ) from error
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        """Name of the dtype in which layers compute, and that of their outputs."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Name of the dtype of weights."""
        return self._variable_dtype

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Policy:
        """The policy of a config; the loss scale that TensorFlow 2.3 wrote belongs to optimizers
        since, and is left out."""
        return cls(config["name"])

    def __eq__(self, other):
        return type(other) is type(self) and other.name == self.name

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f'<Policy "{self.name}">'


_global: Policy | None = None


def global_policy() -> Policy:
    """The policy of layers that are made without `dtype=`: that of `floatx` unless it was set.

    >>> global_policy()
    <Policy "float32">
    """
    return _global or Policy(floatx())


def set_global_policy(policy: Policy | str | None) -> None:
    """Set the policy of layers to come; None leaves it to `floatx`.

    ValueError for a policy that does not compute in floats.
    """
    global _global
    if policy is not None and not isinstance(policy, Policy):
        policy = Policy(policy)
    if policy is not None and "float" not in policy.compute_dtype:
        raise ValueError(
            "set_global_policy takes policies that compute in floats, such as 'float32' and "
            f"'mixed_float16'; received {policy.name!r}."
        )
    _global = policy


@contextmanager
def policy_scope(policy: Policy | str | None) -> Iterator[None]:
    """Within the block `policy` is the global one."""
    global _global
    before = _global
    set_global_policy(policy)
    try:
        yield
    finally:
        _global = before


def get_policy(identifier: Any) -> Policy:
    """The policy that a `dtype=` argument means: a policy, its config or name, a dtype, or None."""
    if identifier is None:
        return global_policy()
    if isinstance(identifier, Policy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str) and identifier in _MIXED:
        return Policy(identifier)
    if hasattr(identifier, "compute_dtype"):  # a policy of another package
        return Policy(identifier.name)
    return Policy(dtype_name(identifier))


def serialize(policy: Policy) -> Any:
    """What layer configs hold: a dtype's name, or a config where two dtypes are at work."""
    if type(policy) is Policy and policy.compute_dtype == policy.variable_dtype:
        return policy.name
    return {
        "module": "keras.mixed_precision",
        "class_name": "Policy",
        "config": policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: Any, custom_objects: Any = None) -> Policy:
    """The policy of what `serialize` or any Keras 2 wrote."""
    if not isinstance(config, dict):
        return get_policy(config)
    inner = config.get("config")
    if config.get("class_name") not in _KINDS or not isinstance(inner, dict):
        raise ValueError(f"Expected the config of a dtype policy; received {config!r}.")
    return Policy.from_config(inner)
