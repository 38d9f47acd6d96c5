"""Counts the torch operations that a piece of code runs."""

from torch.utils._python_dispatch import TorchDispatchMode

_FREE = (
    "view",
    "detach",
    "unsqueeze",
    "squeeze",
    "select",
    "slice",
    "transpose",
    "expand",
    "alias",
)


class Kernels(TorchDispatchMode):
    """Within the block, `names` collects every operation that computes something."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function)
        if not any(free in name for free in _FREE):
            self.names.append(name)
        return function(*args, **(kwargs or {}))
