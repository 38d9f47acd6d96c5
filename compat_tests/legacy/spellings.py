"""Old spellings, each as a program for the shim: `W` rows must warn, the others work as in 2.15.

`python -m torchkeras spellings.py` runs all and prints what became of each as JSON.
"""

import json
import sys
import traceback
import warnings
from pathlib import Path

from torchkeras.legacy.modules import OldModule
from torchkeras.shim.finder import OLD_ROOTS

SETUP = """
import numpy as np, keras
from keras import backend as K
from keras.layers import *
from keras.models import Model, Sequential
x, y = np.random.rand(8, 4).astype("float32"), np.random.randint(0, 2, (8, 1))
def small(units=1, **compiled):
    model = Sequential([Dense(units, activation="sigmoid", input_shape=(4,))])
    model.compile("sgd", "binary_crossentropy", **compiled)
    return model
def batches():
    while True:
        yield x, y
image = np.random.rand(2, 6, 6, 3).astype("float32")
words = np.random.randint(0, 9, (2, 5))
"""

# One row a line: number in the list of old names, W where it warns, the program.
ROWS = Path(__file__).with_suffix(".txt")


def rows():
    """Number, whether it warns, and program of each row."""
    for line in ROWS.read_text(encoding="utf-8").splitlines():
        number, warns, program = line.split(" ", 2)
        yield int(number), warns == "W", program.replace("\\n", "\n")


def outcome(program):
    """The old-spelling warnings of a program, and the error it ended in, if any."""
    names = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        exec(SETUP, names)
        for name, module in list(sys.modules.items()):  # a path warns at its first use
            if isinstance(module, OldModule):
                module.__dict__.pop("_told", None)
            if name.startswith(tuple(OLD_ROOTS)) or name.startswith(("keras.", "tensorflow.")):
                del sys.modules[name]
        warnings.simplefilter("always")
        try:
            exec(program, names)
            error = None
        except BaseException:
            error = traceback.format_exc(limit=-4)
    old = [str(w.message) for w in caught if issubclass(w.category, DeprecationWarning)]
    return {"warnings": old, "error": error}


if __name__ == "__main__":
    results = [outcome(program) for _, _, program in rows()]
    with open(sys.argv[1], "w") as file:
        json.dump(results, file)
