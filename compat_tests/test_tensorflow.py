"""`import torchkeras.tensorflow as tf`: TensorFlow's words without the shim."""

from compat_tests.processes import check_python

PROGRAM = """
import sys
import torch
import torchkeras as keras
assert torch.is_grad_enabled() and "torchkeras.shim.tensorflow" not in sys.modules
import torchkeras.tensorflow as tf
import torchkeras.tensorflow.compat.v1 as tf1
from torchkeras.tensorflow.math import log
from torchkeras.tensorflow import nn, keras as tf_keras
assert not torch.is_grad_enabled() and tf_keras is keras is tf.keras
assert nn is tf.nn and log is tf.math.log and tf1 is tf.compat.v1
x = tf.Variable(3.0)
with tf.GradientTape() as tape:
    y = x * x
assert tape.gradient(y, x).numpy() == 6 and y.shape.as_list() == []
try:
    tf.nothing
except AttributeError as error:
    assert "torchkeras has no 'tensorflow.nothing'" in str(error)
try:
    import torchkeras.tensorflow.contrib
except ImportError:
    print("tensorflow" in sys.modules, "keras" in sys.modules)
"""


def test_door(tmp_path):
    assert check_python("-c", PROGRAM, cwd=tmp_path) == "False False\n"
