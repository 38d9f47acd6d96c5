"""Pauses the search for garbage while the package is imported: it would look through all of torch.

That search is 0.1 to 0.2 seconds of start-up and finds nothing.
"""

import gc

_was_enabled = gc.isenabled()
gc.disable()


def resume() -> None:
    """Search again, if the process did before."""
    if _was_enabled:
        gc.enable()
