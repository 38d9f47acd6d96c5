"""The names that Keras scripts import, answered by torchkeras.

    import torchkeras.shim
    torchkeras.shim.install()
    from tensorflow import keras    # is torchkeras

`python -m torchkeras script.py` does this for a script that stays as it is.
"""

from .finder import install, uninstall

__all__ = ["install", "uninstall"]
