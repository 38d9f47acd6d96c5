"""`GradientTape`: TensorFlow's way to ask for gradients, over torch's autograd."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from .. import tree
from ..optimizers.state import to_keras
from ..variable import Variable

NONE, ZERO = "none", "zero"  # what a gradient is where nothing connects: tf.UnconnectedGradients
_recording: list[GradientTape] = []  # the tapes whose blocks are running
_waiting: weakref.WeakSet[GradientTape] = weakref.WeakSet()  # tapes that may be asked again


class GradientTape:
    """Records what is computed in its block; `gradient` differentiates it.

    Trainable variables and layers' weights are watched, other tensors after `watch`. A tape gives
    gradients once unless it is `persistent`. Gradients asked for in the block of a tape, this or
    another, can be differentiated again.

    >>> x = torch.tensor(3.0)
    >>> with GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x).item()
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent, self._watches_all = persistent, watch_accessed_variables
        self._watched: dict[int, Any] = {}
        self._lent: list[Tensor] = []  # tensors that require gradients for this tape alone
        self._started = self._used = False
        self._start = 0  # number of autograd's first node that counts
        self._before: list[bool] = []
        self._kept: Kept | None = None

    def __enter__(self) -> GradientTape:
        self._used = False
        if self._persistent or _recording:  # an update may come between two gradients
            self._kept = Kept()
            self._kept.hooks.__enter__()
        _waiting.add(self)
        self._before.append(torch.is_grad_enabled())
        torch.set_grad_enabled(True)
        _recording.append(self)
        return self

    def __exit__(self, *error) -> None:
        if self in _recording:
            _recording.remove(self)
        if self._kept is not None:
            self._kept.hooks.__exit__(*error)
        torch.set_grad_enabled(self._before.pop())
        for tensor in self._lent:
            tensor.requires_grad_(False)

    # --- what is recorded -------------------------------------------------------------------------

    def watch(self, tensor: Any) -> None:
        """Follow what is computed from a tensor, or from each of a nesting of them."""
        for leaf in tree.leaves(tensor):
            if not isinstance(leaf, (Tensor, Variable)):
                raise ValueError(f"Passed in object {leaf!r}, which is no tensor or variable.")
            self._watched[id(leaf)] = leaf
            for native in leaf.native if isinstance(leaf, Variable) else (leaf,):
                if not native.requires_grad and native.is_floating_point():
                    native.requires_grad_()
                    self._lent.append(native)

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables that `watch` was called on; those watched by themselves are not noted."""
        if self._watches_all:
            raise NotImplementedError(
                "A tape notes only the variables that watch() names. Make it with "
                "watch_accessed_variables=False, or use model.trainable_variables."
            )
        return tuple(leaf for leaf in self._watched.values() if isinstance(leaf, Variable))

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """A block whose computations are not recorded."""
        if self not in _recording:
            raise ValueError("Tape is not recording.")
        _recording.remove(self)
        before = torch.is_grad_enabled()
        torch.set_grad_enabled(bool(_recording))
        try:
            yield
        finally:
            torch.set_grad_enabled(before)
            _recording.append(self)

    def reset(self) -> None:
        """Forget everything that was recorded, and what is watched."""
        for tensor in self._lent:
            tensor.requires_grad_(False)
        self._watched.clear()
        self._lent.clear()
        self._start = _next_node()

    # --- gradients --------------------------------------------------------------------------------

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None,
        unconnected_gradients: Any = NONE,
    ) -> Any:  # fmt: skip
        """The gradients of the sum of `target`, in the nesting of `sources`.

        A gradient has the shape of its source, a variable's that of Keras; it is None, or zeros
        with `unconnected_gradients='zero'`, where `target` does not depend on the source.
        `output_gradients` weigh the elements of `target`.
        """
        self._spend("gradient")
        targets = list(tree.leaves(target))
        weights = [None] * len(targets)
        if output_gradients is not None:
            weights = list(tree.leaves(output_gradients))
        pairs = [(_tensor(t), w) for t, w in zip(targets, weights, strict=True) if self._counts(t)]
        flat = list(tree.leaves(sources))
        natives = [s.native if isinstance(s, Variable) else (s,) for s in flat]
        with self._lending():
            grads = _grads(pairs, [n for group in natives for n in group])
        found = []
        for source, group in zip(flat, natives, strict=True):
            parts = [grads[id(n)] for n in group]
            if not self._watches_all and isinstance(source, Variable):
                parts = parts if id(source) in self._watched else [None] * len(parts)
            found.append(_joined(source, group, parts, _mode(unconnected_gradients)))
        if not self._persistent:
            _waiting.discard(self)
        if not _recording:
            _keep_for_the_others()
        return tree.pack(sources, found) if tree.is_nested(sources) else found[0]

    def jacobian(
        self, target: Tensor, sources: Any, unconnected_gradients: Any = NONE,
        parallel_iterations: Any = None, experimental_use_pfor: bool = True,
    ) -> Any:  # fmt: skip
        """For each source the derivatives of all elements: shape `target.shape + source.shape`."""
        self._spend("jacobian")
        target, mode = _tensor(target), _mode(unconnected_gradients)
        with self._as_persistent():
            with torch.enable_grad():
                elements = target.reshape(-1).unbind()
            rows = [self._rows(one, sources) for one in elements]
        found = []
        for position, source in enumerate(tree.leaves(sources)):
            column = [row[position] for row in rows]
            if all(grad is None for grad in column):
                shape = (*target.shape, *source.shape)
                found.append(None if mode == NONE else target.new_zeros(shape))
                continue
            zeros = torch.zeros_like(next(grad for grad in column if grad is not None))
            stacked = torch.stack([zeros if grad is None else grad for grad in column])
            found.append(stacked.reshape(*target.shape, *zeros.shape))
        return tree.pack(sources, found) if tree.is_nested(sources) else found[0]

    def batch_jacobian(
        self, target: Tensor, source: Tensor, unconnected_gradients: Any = NONE,
        parallel_iterations: Any = None, experimental_use_pfor: bool = True,
    ) -> Any:  # fmt: skip
        """The Jacobian of each sample: shape `(batch, *target.shape[1:], *source.shape[1:])`."""
        if target.shape[0] != source.shape[0]:
            raise ValueError(
                "Need first dimension of target shape and source shape to match; received "
                f"{tuple(target.shape)} and {tuple(source.shape)}."
            )
        self._spend("batch_jacobian")
        with self._as_persistent():
            with torch.enable_grad():
                totals = [column.sum() for column in target.reshape(len(target), -1).unbind(1)]
            grads = [self._rows(total, [source])[0] for total in totals]
        if all(grad is None for grad in grads):
            return None if _mode(unconnected_gradients) == NONE else torch.zeros(
                *target.shape, *source.shape[1:], device=source.device
            )  # fmt: skip
        grads = [torch.zeros_like(source) if grad is None else grad for grad in grads]
        return torch.stack(grads, 1).reshape(*target.shape, *source.shape[1:])

    def _rows(self, target, sources):
        return list(tree.leaves(self.gradient(target, sources)))

    def _counts(self, target):
        tensor = _tensor(target)
        if not tensor.requires_grad:
            return id(target) in self._watched
        node = tensor.grad_fn
        return node is None or not self._start or node._sequence_nr() >= self._start

    def _spend(self, what):
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients "
                f"(or jacobians); {what} was asked for a second one. Make it persistent=True."
            )
        self._used = True

    @contextmanager
    def _as_persistent(self):
        before, self._persistent = self._persistent, True
        try:
            yield
        finally:
            self._persistent = before

    @contextmanager
    def _lending(self):
        """Watched tensors require gradients again: the record of them needs it."""
        waiting = [tensor for tensor in self._lent if not tensor.requires_grad]
        for tensor in waiting:
            tensor.requires_grad_()
        try:
            yield
        finally:
            for tensor in waiting:
                tensor.requires_grad_(False)


class Kept:
    """The parameters that autograd saved in a block, as they were then.

    An update changes parameters in place, which torch refuses for what a gradient still needs.
    So where gradients may still be asked for, `keep` copies them before the script goes on.
    """

    def __init__(self):
        self.saved: list[_Saved] = []
        self.hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, _Saved.unpack)

    def _pack(self, tensor):
        base = tensor if tensor._base is None else tensor._base
        saved = _Saved(tensor)
        if base.is_leaf and base.requires_grad:
            self.saved.append(saved)
        return saved

    def keep(self) -> None:
        """Copy what is not copied yet."""
        for saved in self.saved:
            saved.tensor, saved.version = saved.tensor.detach().clone(), 0
        self.saved.clear()


class _Saved:
    __slots__ = ("tensor", "version")

    def __init__(self, tensor):
        self.tensor, self.version = tensor, tensor._version

    def unpack(self):
        if self.tensor._version != self.version:
            raise RuntimeError(
                f"A tensor of shape {tuple(self.tensor.shape)} that a gradient needs was changed "
                "in place after the tape recorded it. Compute the gradient before the change."
            )
        return self.tensor


def _keep_for_the_others():
    for tape in _waiting:
        if tape._kept is not None:
            tape._kept.keep()


def _grads(pairs, natives):
    """Gradients by the `id` of a native tensor, None where there is none."""
    wanted = list({id(n): n for n in natives if n.requires_grad}.values())
    found = dict.fromkeys(map(id, natives))
    outputs = [t for t, _ in pairs if t.requires_grad]
    if not wanted or not outputs:
        return found
    weights = [
        torch.ones_like(t) if w is None else _tensor(w).to(t).expand_as(t)
        for t, w in pairs
        if t.requires_grad
    ]
    again = bool(_recording)
    grads = torch.autograd.grad(
        outputs, wanted, weights, retain_graph=True, create_graph=again, allow_unused=True
    )
    found.update((id(n), grad) for n, grad in zip(wanted, grads, strict=True))
    return found


def _joined(source, natives, parts, mode):
    """The gradient of a source from those of its native tensors."""
    if all(part is None for part in parts):
        if mode == NONE:
            return None
        return torch.zeros(tuple(source.shape), dtype=natives[0].dtype, device=natives[0].device)
    if not isinstance(source, Variable):
        return parts[0]
    filled = zip(parts, natives, strict=True)
    return to_keras(source, [torch.zeros_like(n) if p is None else p for p, n in filled])


def _tensor(value):
    if isinstance(value, Variable):
        return value.value
    return value if isinstance(value, Tensor) else torch.as_tensor(value)


def _mode(value):
    value = getattr(value, "value", value)
    if value not in (NONE, ZERO):
        raise ValueError(f"unconnected_gradients must be 'none' or 'zero'; received {value!r}.")
    return value


def _next_node() -> int:
    """A number between those of the nodes made so far and of those to come."""
    with torch.enable_grad():
        return torch.ones((), requires_grad=True).neg().grad_fn._sequence_nr()


def custom_gradient(f: Callable) -> Callable:
    """Decorator: `f` returns its result and the function that turns the gradient of it into those
    of the arguments."""

    def call(*args, **kwargs):
        tensors = [_tensor(a) for a in args]

        class Custom(torch.autograd.Function):
            @staticmethod
            def forward(context, *inputs):
                with torch.enable_grad():
                    results, context.backwards = f(*inputs, **kwargs)
                context.many = isinstance(results, (list, tuple))
                Custom.many = context.many
                return tuple(results) if context.many else results

            @staticmethod
            def backward(context, *upstream):
                grads = context.backwards(*upstream)
                if isinstance(grads, tuple) and len(grads) == 2 and isinstance(grads[1], list):
                    grads = grads[0]  # the second ones are of variables, which autograd sees itself
                return grads if isinstance(grads, (tuple, list)) else (grads,)

        result = Custom.apply(*tensors)
        return list(result) if isinstance(result, tuple) else result

    call.__name__ = getattr(f, "__name__", "custom_gradient")
    return call
