"""Models as scikit-learn estimators, as `keras.wrappers.scikit_learn` of Keras 1 and 2 had them.

scikeras is the maintained successor and runs on torchkeras too.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import losses
from ..models import Sequential
from ..utils import to_categorical

_LOOPS = (Sequential.fit, Sequential.predict, Sequential.evaluate)


class BaseWrapper:
    """What the classifier and the regressor share.

    `build_fn` returns a compiled model; without it the instance's own `__call__` does.
    `sk_params` are arguments of `build_fn`, `fit`, `predict` and `evaluate`.
    """

    def __init__(self, build_fn: Callable | None = None, **sk_params: Any):
        warnings.warn(
            "keras.wrappers.scikit_learn is an old module; use scikeras, which runs on torchkeras.",
            DeprecationWarning,
            stacklevel=2,
        )
        self.build_fn, self.sk_params = build_fn, sk_params
        self.check_params(sk_params)

    def check_params(self, params: dict[str, Any]) -> None:
        """ValueError for a parameter that nothing takes."""
        known = {"nb_epoch", "nb_worker"}
        for function in (*_LOOPS, self._builder()):
            parameters = inspect.signature(function).parameters
            if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) and function not in _LOOPS:
                return
            known.update(parameters)
        for name in params:
            if name not in known:
                raise ValueError(f"{name} is not a legal parameter")

    def get_params(self, deep: bool = True, **params: Any) -> dict[str, Any]:
        """All parameters, as scikit-learn asks for them."""
        found = copy.deepcopy(self.sk_params) if deep else dict(self.sk_params)
        return {**found, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> BaseWrapper:
        """Change parameters; returns the estimator."""
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Build a fresh model and train it; returns the history."""
        self.model = self._builder()(**self.filter_sk_params(self._builder()))
        loss = self.model.loss
        named = loss if isinstance(loss, str) else getattr(loss, "__name__", None)
        if named == "categorical_crossentropy" and np.ndim(y) != 2:
            y = to_categorical(y)
        if isinstance(loss, losses.CategoricalCrossentropy) and np.ndim(y) != 2:
            y = to_categorical(y)
        return self.model.fit(x, y, **{**self.filter_sk_params(Sequential.fit), **kwargs})

    def filter_sk_params(self, fn: Callable, override: Any = None) -> dict[str, Any]:
        """The parameters that `fn` takes."""
        parameters = inspect.signature(fn).parameters
        found = {k: v for k, v in self.sk_params.items() if k in parameters}
        if fn is Sequential.fit and "nb_epoch" in self.sk_params:
            found["epochs"] = self.sk_params["nb_epoch"]
        return {**found, **(override or {})}

    def _builder(self):
        if self.build_fn is None:
            return self.__call__
        plain = inspect.isfunction(self.build_fn) or inspect.ismethod(self.build_fn)
        return self.build_fn if plain or inspect.isclass(self.build_fn) else self.build_fn.__call__

    def _score(self, x, y, kwargs):
        kwargs = self.filter_sk_params(Sequential.evaluate, {"verbose": 0, **kwargs})
        outputs = self.model.evaluate(x, y, **kwargs)
        return outputs if isinstance(outputs, list) else [outputs]


class KerasClassifier(BaseWrapper):
    """A model that classifies; its labels may be any values, `classes_` has them in order."""

    _estimator_type = "classifier"

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"Invalid shape for y: {y.shape}")
        self.n_classes_ = len(self.classes_)
        return super().fit(x, y, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The labels."""
        outputs = self.model.predict(x, **self._quiet(kwargs))
        if outputs.shape[-1] > 1:
            return self.classes_[outputs.argmax(-1)]
        return self.classes_[(outputs > 0.5).astype("int32")]

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The probabilities: one column a class, for a single output too."""
        outputs = self.model.predict(x, **self._quiet(kwargs))
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The accuracy, which the model must have been compiled with."""
        y = np.searchsorted(self.classes_, y) if np.ndim(y) == 1 else np.asarray(y)
        if self.model.loss == "categorical_crossentropy" and np.ndim(y) != 2:
            y = to_categorical(y)
        values = self._score(x, y, kwargs)
        for name, value in zip(self.model.metrics_names, values, strict=True):
            if name in ("accuracy", "acc"):
                return value
        raise ValueError(
            "The model is not configured to compute accuracy. You should pass "
            '`metrics=["accuracy"]` to the `model.compile()` method.'
        )

    def _quiet(self, kwargs):
        return self.filter_sk_params(Sequential.predict, {"verbose": 0, **kwargs})


class KerasRegressor(BaseWrapper):
    """A model that predicts numbers."""

    _estimator_type = "regressor"

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The outputs without axes of 1."""
        kwargs = self.filter_sk_params(Sequential.predict, {"verbose": 0, **kwargs})
        return np.squeeze(self.model.predict(x, **kwargs), -1)

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The loss with its sign turned: more is better."""
        return -self._score(x, y, kwargs)[0]
