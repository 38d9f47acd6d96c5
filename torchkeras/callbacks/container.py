"""`CallbackList`: all callbacks of a run behind one."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .. import tree
from ..console import is_interactive_logging_enabled
from ..training.logs import Logs
from .base import BATCH_HOOKS, Callback, overridden
from .progress import ProgbarLogger
from .records import History


class CallbackList:
    """Calls the hooks of several callbacks, in their order.

    `callbacks` is one callback, a nested list of them, or None. `add_history` and `add_progbar`
    append a `History` and a `ProgbarLogger` unless one is there; `model` and `params` are handed to
    all. What runs in a batch hook is settled beforehand: `train_batch_end` and its like list what
    a loop has to call as `hook(batch, logs)`, nothing where no callback overrides the hook.

    >>> calls = CallbackList([Callback()], add_history=True)
    >>> len(list(calls)), calls.train_batch_end
    (2, [])
    """

    train_batch_begin: list[Callable]
    train_batch_end: list[Callable]
    test_batch_begin: list[Callable]
    test_batch_end: list[Callable]
    predict_batch_begin: list[Callable]
    predict_batch_end: list[Callable]

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        if isinstance(callbacks, CallbackList):
            callbacks = callbacks.callbacks
        self.callbacks = [_checked(one) for one in tree.flatten(callbacks)] if callbacks else []
        self.model, self.params = None, {}
        self._history = self._find(History)
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        if add_progbar and self._find(ProgbarLogger) is None:
            self.callbacks.append(ProgbarLogger(count_mode="steps"))
        if model is not None:
            self.set_model(model)
        if params:
            self._give(params)
        self._settle()

    def append(self, callback: Callback) -> None:
        """Add one more callback at the end."""
        self.callbacks.append(_checked(callback))
        self._settle()

    def set_params(self, params: dict[str, Any]) -> None:
        """Hand the run's settings to all callbacks, `verbose='auto'` as the number it means."""
        self._give(params)
        self._settle()

    def _give(self, params):
        if params.get("verbose") == "auto":
            params = {**params, "verbose": 1 if is_interactive_logging_enabled() else 2}
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Hand the model to all callbacks."""
        self.model = model
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)

    def _find(self, kind):
        return next((one for one in reversed(self.callbacks) if isinstance(one, kind)), None)

    def _last_ones_last(self):
        return sorted(self.callbacks, key=lambda one: getattr(one, "_runs_last", False))

    def _settle(self):
        """Find out what there is to call at each batch hook."""
        ordered = self._last_ones_last()
        if not ordered:
            vars(self).update({name: [] for name in _LISTS})
            return
        for name in BATCH_HOOKS:
            found = [(callback, _batch_hook(callback, name)) for callback in ordered]
            hooks = [hook for _, hook in found if hook is not None]
            if any(hook and not isinstance(callback, ProgbarLogger) for callback, hook in found):
                hooks = [partial(_run, hooks)]
            setattr(self, name.removeprefix("on_"), hooks)

    # --- runs and epochs -------------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:
        self._begin("on_train_begin", logs)

    def on_train_end(self, logs: Any = None) -> None:
        self._call("on_train_end", _numbers(logs))

    def on_test_begin(self, logs: Any = None) -> None:
        self._begin("on_test_begin", logs)

    def on_test_end(self, logs: Any = None) -> None:
        self._call("on_test_end", _numbers(logs))

    def on_predict_begin(self, logs: Any = None) -> None:
        self._begin("on_predict_begin", logs)

    def on_predict_end(self, logs: Any = None) -> None:
        self._call("on_predict_end", _numbers(logs))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._call("on_epoch_begin", epoch, _numbers(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """All callbacks get one dict of numbers and may add to it; `logs` itself stays."""
        logs = _numbers(logs)
        for callback in self._last_ones_last():
            callback.on_epoch_end(epoch, logs)

    def join(self, batches: Any) -> None:
        """Show the training data to callbacks of this package, which may keep its state."""
        for callback in self.callbacks:
            if isinstance(callback, Callback):
                callback._join(self, batches)

    def abandon(self) -> None:
        """The run ends by an error: have callbacks of this package close their files."""
        for callback in self.callbacks:
            if isinstance(callback, Callback):
                callback._abandon()

    def _begin(self, name, logs):
        if self.callbacks:
            self._call(name, _numbers(logs))
            self._settle()  # a callback may have set its hooks just now

    def _call(self, name, *arguments):
        for callback in self.callbacks:
            getattr(callback, name)(*arguments)

    # --- batches ---------------------------------------------------------------------------

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        for hook in self.train_batch_begin:
            hook(batch, logs or {})

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        for hook in self.train_batch_end:
            hook(batch, logs or {})

    on_batch_begin, on_batch_end = on_train_batch_begin, on_train_batch_end

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        for hook in self.test_batch_begin:
            hook(batch, logs or {})

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        for hook in self.test_batch_end:
            hook(batch, logs or {})

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        for hook in self.predict_batch_begin:
            hook(batch, logs or {})

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        for hook in self.predict_batch_end:
            hook(batch, logs or {})


_LISTS = [name.removeprefix("on_") for name in BATCH_HOOKS]


def _run(hooks, batch, logs):
    """Call the hooks of users with logs of their own, which they may keep and add to."""
    shared = logs.fork() if isinstance(logs, Logs) else Logs(logs)
    for hook in hooks:
        hook(batch, shared)
    kept = weakref.ref(shared)
    del shared
    kept = kept()
    if kept is not None:  # somebody looks at these values later, when metrics have gone on
        kept.settle()


def _batch_hook(callback, name):
    if isinstance(callback, Callback):
        return callback._batch_hook(name)
    return overridden(callback, name)


def _numbers(logs):
    return {} if logs is None else dict(Logs(logs) if not isinstance(logs, Logs) else logs)


def _checked(callback):
    if isinstance(callback, type):
        raise TypeError(
            f"callbacks must be objects, but received the class {callback.__name__}; write "
            f"{callback.__name__}(...)."
        )
    if not hasattr(callback, "set_model"):
        raise TypeError(f"callbacks must be Callback objects; received {callback!r}.")
    return callback
