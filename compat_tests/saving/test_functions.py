"""Functions in files, written by Pythons from 2.7 to 3.13, computed without running them."""

import base64
import copy
import json
import marshal
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.saving import functions_of_pythons as known
from torchkeras import backend as K
from torchkeras.saving import functions
from torchkeras.saving.functions import bytecode

X = torch.linspace(-2, 3, 12).reshape(4, 3)
WRITTEN = json.loads((Path(known.__file__).with_suffix(".json")).read_text())
FUNCTIONS = {f.__name__: f for f in known.functions(K, np, known.NUMBER, known.MEANS)}
EXPECTED = {  # of those that torch alone does not compute, as numpy does
    "imported": X.mean(1, keepdim=True),
    "mean_off": X - torch.tensor(known.MEANS),
    "shapes": X.reshape(4, 1, 3),
    "swapped": X.flip(-1) / 127.5 - 1,
}


@pytest.mark.parametrize("version", WRITTEN)
def test_what_each_python_wrote(version):
    assert set(WRITTEN[version]) == set(FUNCTIONS)
    for name, (code, defaults, closure) in WRITTEN[version].items():
        found = functions.read(code, defaults, closure)(X)
        expected = EXPECTED[name] if name in EXPECTED else FUNCTIONS[name](X)
        torch.testing.assert_close(found, expected, msg=lambda text, name=name: f"{name}: {text}")


def test_the_text_of_old_keras():
    """Before Keras 2.1.3 the bytes of code were written as characters."""
    code, defaults, closure = WRITTEN["3.6"]["default"]
    text = base64.b64decode(code).decode("raw_unicode_escape")
    assert torch.equal(functions.read(text, defaults, closure)(X), X * 2 + 3)


def test_names_of_the_caller():
    code = base64.b64encode(marshal.dumps((lambda x: helper(x) + size).__code__)).decode()  # noqa: F821
    own = {"helper": torch.abs, "size": 4}
    assert torch.equal(functions.read(code, None, None, own)(X), X.abs() + 4)
    with pytest.raises(functions.Unknown, match="'helper'"):
        functions.read(code, None, None)


def endless(x):
    while len([x]):
        x = x + 1
    return x


REFUSED = {  # what it says: a function that names it, or does it
    "'open'": lambda x: open("decoy"),
    "'__import__'": lambda x: __import__("os"),
    "'getattr'": lambda x: getattr(x, "data"),  # noqa: B009
    "'exec'": lambda x: exec("1"),
    "'__class__'": lambda x: x.__class__,
    "'data'": lambda x: x.data,
    "'__globals__'": lambda x: (lambda y: y).__globals__,
    "'format'": lambda x: "{0.__class__}".format(x),  # noqa: UP030, UP032
    "K.clear_session": lambda x: K.clear_session(),
    "K.set_floatx": lambda x: K.set_floatx("float16"),
    "K.__dict__": lambda x: K.__dict__,
    "tf.io": lambda x: tf.io.read_file("decoy"),  # noqa: F821
    "np.load": lambda x: np.load("decoy"),
    "'torch'": lambda x: torch.load("decoy"),
    "more than .* steps": endless,
    "as a power": lambda x: x + 10 ** (10000 * len([1])),
    "counts to": lambda x: [i for i in range(10**9)],
    "too often": lambda x: [0] * 10**8,
    "computes %": lambda x: "%1000000000d" % 1,  # noqa: UP031
    "changes an item": lambda x: x.__setitem__ if x is None else [x[0] for x[0] in [1]],
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_is_refused(said):
    made = REFUSED[said]
    code = base64.b64encode(marshal.dumps(made.__code__)).decode()
    with pytest.raises(functions.Unknown, match=said):
        functions.read(code, None, None)(X)


def test_a_model_with_a_function_of_another_python(tmp_path):
    """It is copied, pickled and written again as it came."""
    entry = WRITTEN["3.6"]["default"]
    config = {"name": "scale", "function": entry, "function_type": "lambda", "arguments": {}}
    layer = torchkeras.layers.Lambda(lambda x: x, name="scale", input_shape=(3,))
    model = torchkeras.Sequential([layer, torchkeras.layers.Dense(2)])
    described = json.loads(model.to_json())
    described["config"]["layers"][1]["config"] |= config
    with pytest.raises(ValueError, match="'scale' holds Python code"):
        torchkeras.models.model_from_json(json.dumps(described))
    model = torchkeras.models.model_from_json(json.dumps(described), safe_mode=False)
    torch.testing.assert_close(model.layers[0](X), X * 2 + 3)
    path = str(tmp_path / "model.h5")
    model.save(path)
    for again in (
        torchkeras.models.load_model(path, safe_mode=False),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        torch.testing.assert_close(again(X), model(X))
        written = json.loads(again.to_json())["config"]["layers"][1]["config"]["function"]
        assert written == entry


@pytest.mark.parametrize("version", WRITTEN)
def test_code_of_another_python_is_not_run(version):
    """What two versions write alike, either may run."""
    ours = version == ".".join(map(str, sys.version_info[:2]))
    alike = {"default"}  # nothing that it needs changed from 3.11 to 3.12
    for name, (code, *_) in WRITTEN[version].items():
        if name not in alike or ours:
            assert (bytecode._of_this_python(code) is not None) == ours, name
