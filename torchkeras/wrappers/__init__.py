"""Models as estimators of other libraries; `keras.wrappers` of a script."""

from . import scikit_learn

__all__ = ["scikit_learn"]
