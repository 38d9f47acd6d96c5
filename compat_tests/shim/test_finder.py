"""The names of Keras inside `python -m torchkeras`, each program in a process of its own."""

import textwrap

import pytest

from compat_tests.processes import check_python
from torchkeras.shim import finder

PROGRAMS = {
    "same objects": """
        import keras, tensorflow, tensorflow as tf, tf_keras, torchkeras
        import tensorflow.keras.datasets.mnist as mnist
        import keras.utils as utils
        from tensorflow import keras as again
        from tensorflow.keras import datasets
        from tensorflow.keras.utils import to_categorical
        assert keras is torchkeras and tf.keras is keras and tf_keras is keras and again is keras
        assert mnist is torchkeras.datasets.mnist and datasets is torchkeras.datasets
        assert utils is torchkeras.utils and to_categorical is torchkeras.utils.to_categorical
        assert mnist.__spec__.name == mnist.__name__ == "torchkeras.datasets.mnist"
        assert tf.__spec__.name == "torchkeras.shim.tensorflow"
        """,
    "imported by the last name first": """
        from tensorflow.keras.preprocessing.sequence import pad_sequences
        import torchkeras.preprocessing.sequence
        assert torchkeras.preprocessing.sequence.pad_sequences is pad_sequences
        """,
    "versions": """
        import keras, tensorflow as tf
        assert keras.__version__ == tf.keras.__version__ == tf.__version__ == "2.15.0"
        """,
    "small tensorflow": """
        import tensorflow as tf, torch
        assert tf.float32 is torch.float32 and tf.int64 is torch.int64 and tf.bool is torch.bool
        tf.random.set_seed(5)
        first = torch.rand(3)
        torch.manual_seed(5)
        assert torch.equal(first, torch.rand(3))
        """,
    "missing names": """
        import importlib
        import tensorflow as tf
        def message(action):
            try:
                action()
            except (AttributeError, ImportError) as error:
                return type(error).__name__ + ": " + str(error)
        def from_import():
            from tensorflow import nowhere
        for name, kind, action in [
            ("tensorflow.nowhere", "AttributeError", lambda: tf.nowhere),
            ("tensorflow.random.nowhere", "AttributeError", lambda: tf.random.nowhere),
            ("tensorflow.nowhere", "ModuleNotFoundError", from_import),
            ("keras.nowhere", "ModuleNotFoundError", lambda: importlib.import_module(
                "keras.nowhere")),
            ("tensorflow.nowhere", "ModuleNotFoundError", lambda: importlib.import_module(
                "tensorflow.nowhere")),
        ]:
            text = message(action)
            assert text.startswith(kind) and name in text and "docs/compatibility.md" in text, text
        assert not hasattr(tf, "nowhere")
        """,
    "TensorBoard in fit": """
        import numpy as np
        from tensorflow import keras
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
        model.compile("sgd", "mse")
        x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
        callbacks = [keras.callbacks.TensorBoard("logs", histogram_freq=1)]
        model.fit(x, y, epochs=2, verbose=0, callbacks=callbacks)
        """,
    "install and uninstall": """
        import sys
        import torchkeras
        from torchkeras import shim
        own = torchkeras.__version__ if hasattr(torchkeras, "__version__") else None
        shim.uninstall()  # the program itself was started with the names installed
        assert getattr(torchkeras, "__version__", None) != "2.15.0"
        assert not any(name.split(".")[0] in ("keras", "tensorflow") for name in sys.modules)
        shim.install()
        shim.install()
        import keras
        assert keras is torchkeras and keras.__version__ == "2.15.0"
        shim.uninstall()
        assert "keras" not in sys.modules and len(sys.meta_path) == len(set(map(id, sys.meta_path)))
        """,
    "the real package came first": """
        import sys, types
        from torchkeras import shim
        shim.uninstall()
        sys.modules["tensorflow"] = real = types.ModuleType("tensorflow")
        real.__file__ = "/somewhere/tensorflow/__init__.py"
        try:
            shim.install()
        except ImportError as error:
            assert "stands aside" in str(error) and real.__file__ in str(error), error
        else:
            raise AssertionError("installed over the real one")
        assert sys.modules["tensorflow"] is real
        """,
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_program(case, tmp_path):
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAMS[case]))
    check_python("-W", "error", "-m", "torchkeras", "program.py", cwd=tmp_path)


@pytest.mark.parametrize(
    "name, ours",
    [
        ("keras", "torchkeras"),
        ("keras.layers", "torchkeras.layers"),
        ("tensorflow", "torchkeras.shim.tensorflow"),
        ("tensorflow.keras", "torchkeras"),
        ("tensorflow.keras.layers.core", "torchkeras.layers.core"),
        ("tf_keras.utils", "torchkeras.utils"),
        ("keras_tuner", None),
        ("tensorboard", None),
        ("tensorboard.compat.notf", "torchkeras.shim.tensorflow"),
        ("numpy.random", None),
    ],
)
def test_real_name(name, ours):
    assert finder.real_name(name) == ours
