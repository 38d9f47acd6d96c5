"""The shared checks of what runs on a GPU: nothing stays on the CPU, no step waits for the device.

They run on a GPU that is played, see `compat_tests/gpu.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from compat_tests import gpu
from compat_tests.checks.layer_case import Case
from torchkeras import layers, tree


def check_drawn_layer(name: str, examples: int) -> int:
    """A step of `examples` random configurations waits for nothing; how many could be made."""
    from compat_tests.checks.drawn import each  # which needs hypothesis

    seen = []

    def step(config, x, options):
        try:
            _step_of_layer(name, config, x, **options)
        except ValueError:  # a configuration that is refused
            return
        seen.append(config)

    with gpu.played():
        each(name, examples, True, step)
    return len(seen)


def _step_of_layer(
    name, config, x, mask=None, int_input=False, call_kwargs=None, make=None, key=()
):
    case = Case(name, config, x, mask, int_input, call_kwargs or {}, make)
    layer = case.find(layers)(**config)
    inputs = [_there(one) for one in case.tensors()]
    argument, kwargs = case.arguments(inputs, lambda array: torch.tensor(array, device=gpu.CUDA))
    if layer._takes_training:
        kwargs.setdefault("training", True)
    layer(argument, **kwargs)

    def step():
        outputs = tree.flatten(layer(argument, **kwargs))
        assert all(isinstance(output, gpu.OnGpu) for output in outputs)
        terms = [one.float().sum() for one in (*outputs, *layer.losses) if one.requires_grad]
        if terms:
            sum(terms).backward()

    step()
    with gpu.unwaited():
        step()


def _there(tensor):
    """The tensor on the GPU, a leaf as before, with its mask."""
    moved = tensor.detach().to(gpu.CUDA).requires_grad_(tensor.requires_grad)
    mask = getattr(tensor, "_keras_mask", None)
    if mask is not None:
        moved._keras_mask = mask.to(gpu.CUDA)
    return moved


def check_steps(make: Callable[[], Any], data: Any, steps: int = 4) -> Any:
    """A compiled model takes steps on a batch without a wait; the model."""
    with gpu.played():
        model = make()
        batch = tree.map_structure(lambda array: torch.tensor(array, device=gpu.CUDA), data)
        model.train_step(batch)
        with gpu.unwaited():
            for _ in range(steps):
                model.train_step(batch)
        assert all(isinstance(tensor, gpu.OnGpu) for tensor in model.state_dict().values())
    return model
