"""`torchkeras compare`: where two models part, and by which rule."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from typing import Any

from ..console import printable
from .outcome import DONE, LEFT, WrongInput, parser, subcommand

_TEXT = """\
Runs two models on the same inputs, layer by layer, and says where they part, by how much, and
which known rule explains it: a rule is named only if the difference vanishes by it.

A model is a file of Keras (.h5, .keras, a SavedModel folder), a TorchScript file (.pt, .pth), a
file of Python with a function load() that gives the model, as to_torch_source writes it, or
package.module:function. Python that is named is run.

'apart' is the difference in the runs of the whole models, 'alone' that of a layer of B which is
given what the layer of A was given; both relative to the scale of the values.

exit status: 0 the models are equal; 1 they differ; 2 wrong input"""
_EXAMPLE = """torchkeras compare model.h5 model.py
         torchkeras compare model.h5 mypackage.nets:make --input images.npy"""


@subcommand
def compare(arguments: list[str]) -> int:
    """Print the comparison of the two models that the command line names."""
    made = parser("compare", _TEXT, _EXAMPLE)
    made.add_argument("a", metavar="A", help="a model")
    made.add_argument("b", metavar="B", help="another")
    made.add_argument("--input", metavar="FILE", help=".npy or .npz; else inputs are drawn")
    made.add_argument("--tolerance", type=float, default=1e-4, help="that of equal values (1e-4)")
    told = made.parse_args(arguments)

    from ..parity import compare_models

    models = [load(told.a), load(told.b)]
    x = _inputs(told.input) if told.input else None
    try:
        found = compare_models(*models, x, told.tolerance)
    except RuntimeError as error:
        raise WrongInput(f"a model does not run on the inputs: {error}") from error
    print("\n".join(map(printable, str(found).split("\n"))))
    return DONE if found.equal else LEFT


def load(name: str) -> Any:
    """The model of a file, or of `package.module:function`."""
    import torch

    from ..saving.api import load_model

    if name.endswith(".py"):
        make = runpy.run_path(name).get("load")
        if make is None:
            raise WrongInput(f"{name} has no function load() that gives the model")
        return _checked(make(), name)
    if name.endswith((".pt", ".pth")):
        try:
            return torch.jit.load(name)
        except RuntimeError as error:
            raise WrongInput(
                f"{name} is no TorchScript file. A state_dict has no architecture: give a file of "
                "Python whose load() makes the module and loads its weights"
            ) from error
    if ":" in name and not os.path.exists(name):
        module, _, function = name.partition(":")
        sys.path.insert(0, os.getcwd())
        try:
            make = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise WrongInput(f"{name}: {error}") from error
        return _checked(make(), name)
    return load_model(name, compile=False)


def _checked(model, name):
    from torch import nn

    if not isinstance(model, nn.Module):
        raise WrongInput(f"{name} gives {type(model).__name__}, which is no module of torch")
    return model


def _inputs(path):
    from ..datasets import objects

    if path.endswith(".npz"):
        return list(objects.read_npz(path).values())
    return [objects.read_npy(path)]
