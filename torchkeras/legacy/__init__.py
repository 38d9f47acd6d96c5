"""The spellings of Keras 1 and 2 that Keras has given up, each with one DeprecationWarning.

What an old spelling means stands in tables: `modules` for paths, `names` for functions and
classes, `arguments` for keywords, `imported` for names that modules had of each other. `enter`
connects them with the modules and classes of today;
nothing of it runs in a call that uses present spellings only.
"""

from __future__ import annotations

from . import arguments, dropped, imported, layers, methods, modules, names  # noqa: F401


def enter() -> None:
    """Make all old spellings known; `import torchkeras` does this once, at its end."""
    names.enter()
    modules.enter()
    arguments.enter()
    methods.enter()
    layers.enter()
    imported.enter()
