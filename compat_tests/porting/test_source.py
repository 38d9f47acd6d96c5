"""Programs before and after `torchkeras port`: every form of import, arguments, methods."""

import ast
import re
import sys

import libcst
import pytest
import torch

from torchkeras.porting import bindings, names
from torchkeras.porting.source import ported

CASES = {
    "import keras": ("import keras\nkeras.Model", "import torchkeras as keras\nkeras.Model"),
    "import as": ("import tf_keras as k\nk.Model", "import torchkeras as k\nk.Model"),
    "import of tensorflow.keras": (
        "import tensorflow as tf\nm = tf.keras.Sequential([tf.keras.layers.Dense(2)])",
        "import torchkeras as keras\nm = keras.Sequential([keras.layers.Dense(2)])",
    ),
    "no alias": (
        "import tensorflow\ntensorflow.keras.Model\ntensorflow.ones(2)",
        "import torchkeras.tensorflow as tensorflow\nimport torchkeras as keras\n"
        "keras.Model\ntensorflow.ones(2)",
    ),
    "tensorflow that stays": (
        "import tensorflow as tf  # both\nx = tf.cast(tf.keras.Input(()), tf.int32)",
        "import torchkeras.tensorflow as tf\nimport torchkeras as keras  # both\n"
        "x = tf.cast(keras.Input(()), tf.int32)",
    ),
    "aliases of tensorflow": (
        "import tensorflow as tf\ntf.optimizers.Adam(0.1), tf.losses.MeanSquaredError()",
        "import torchkeras as keras\nkeras.optimizers.Adam(0.1), keras.losses.MeanSquaredError()",
    ),
    "one of torch": (
        "import tensorflow as tf\ntf.random.set_seed(3)",
        "import torch\ntorch.manual_seed(3)",
    ),
    "old tensorflow": (
        "import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()",
        "import torchkeras.tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()",
    ),
    "module as": (
        "import keras.backend as K\nimport tensorflow.keras.layers as L\nK.dot, L.Dense",
        "import torchkeras.backend as K\nimport torchkeras.layers as L\nK.dot, L.Dense",
    ),
    "module without alias": (
        "import keras.wrappers.scikit_learn\nkeras.Model",
        "import torchkeras as keras\nimport torchkeras.wrappers.scikit_learn\nkeras.Model",
    ),
    "from": (
        "from tensorflow.keras import layers as L, Model\nL.Dense, Model",
        "from torchkeras import layers as L, Model\nL.Dense, Model",
    ),
    "from tensorflow": (
        "from tensorflow import keras, GradientTape as T\nkeras.Model, T",
        "import torchkeras as keras\nfrom torchkeras.tensorflow import GradientTape as T\n"
        "keras.Model, T",
    ),
    "from an old module": (
        "from keras.layers.core import (\n    Dense,  # full\n    Dropout as D,\n)\nDense, D",
        "from torchkeras.layers import (\n    Dense,  # full\n    Dropout as D,\n)\nDense, D",
    ),
    "an old module": (
        "from keras.utils import np_utils\nnp_utils.to_categorical(y, nb_classes=3)",
        "from torchkeras import utils\nutils.to_categorical(y, num_classes=3)",
    ),
    "an old module whose new name is taken": (
        "from keras.utils import np_utils\nimport utils\nnp_utils.to_categorical(y)",
        "from torchkeras import utils as np_utils\nimport utils\nnp_utils.to_categorical(y)",
    ),
    "one import, two modules": (
        "from keras.engine.topology import Layer, Container\nLayer, Container",
        "from torchkeras.layers import Layer\nfrom torchkeras.models import Model\nLayer, Model",
    ),
    "star": (
        "from keras.layers import *\nx = Convolution2D(8, 3, 3)(Input((8, 8, 1)))",
        "from torchkeras.layers import *\nx = Conv2D(8, (3, 3))(Input((8, 8, 1)))",
    ),
    "packages beside Keras": (
        "from keras_preprocessing.text import Tokenizer\n"
        "from tensorflow.python.keras import losses",
        "from torchkeras.preprocessing.text import Tokenizer\nfrom torchkeras import losses",
    ),
    "try": (
        "try:\n    import tensorflow.keras as keras\nexcept ImportError:\n"
        "    import keras\nkeras.ops",
        "try:\n    import torchkeras as keras\nexcept ImportError:\n"
        "    import torchkeras as keras\nkeras.ops",
    ),
    "in a function": (
        "def f():\n    import tensorflow as tf\n    return tf.keras.backend.clear_session()",
        "def f():\n    import torchkeras as keras\n    return keras.backend.clear_session()",
    ),
    "on one line": ("import keras; import os", "import torchkeras as keras\nimport os"),
    "among others": (
        "import os, keras.utils, sys\nkeras.utils.get_file",
        "import os, sys\nimport torchkeras as keras\nkeras.utils.get_file",
    ),
    "the name keras is taken": (
        "import tensorflow as tf\nkeras = 3\ntf.keras.Model",
        "import torchkeras\nkeras = 3\ntorchkeras.Model",
    ),
    "relative imports stay": (
        "from .keras import x\nfrom . import layers",
        "from .keras import x\nfrom . import layers",
    ),
    "old keywords": (
        "from keras.layers import Dense\nDense(output_dim=3, init='uniform',\n      bias=False)",
        "from torchkeras.layers import Dense\n"
        "Dense(units=3, kernel_initializer='uniform',\n      use_bias=False)",
    ),
    "sides of kernels": (
        "from keras import layers as L\n"
        "L.Convolution2D(nb, k, k, border_mode='same', dim_ordering='th')\n"
        "L.Conv2D(nb_filter=4, nb_row=2, nb_col=3, subsample=(2, 2))\n"
        "L.AtrousConvolution2D(4, 3, 3, atrous_rate=(2, 2))\n"
        "L.Deconvolution2D(4, 3, 3, output_shape=(None, 9, 9, 4))\nL.Conv2D(4, 3, 2)",
        "from torchkeras import layers as L\n"
        "L.Conv2D(nb, (k, k), padding='same', data_format=\"channels_first\")\n"
        "L.Conv2D(filters=4, kernel_size=(2, 3), strides=(2, 2))\n"
        "L.Conv2D(4, (3, 3), dilation_rate=(2, 2))\n"
        "L.Conv2DTranspose(4, (3, 3))\nL.Conv2D(4, 3, 2)",
    ),
    "dropped arguments": (
        "from keras.layers import LSTM, BatchNormalization\n"
        "LSTM(3, consume_less='gpu', dropout_U=0.1)\nBatchNormalization(mode=0, axis=1)",
        "from torchkeras.layers import LSTM, BatchNormalization\n"
        "LSTM(3, recurrent_dropout=0.1)\nBatchNormalization(axis=1)",
    ),
    "optimizers": (
        "from keras import optimizers\noptimizers.adam(lr=0.1)\noptimizers.RMSprop(epsilon=None)",
        "from torchkeras import optimizers\n"
        "optimizers.Adam(learning_rate=0.1)\noptimizers.RMSprop(epsilon=1e-07)",
    ),
    "decay": (
        "from keras.optimizers import SGD\n"
        "SGD(lr=0.1, decay=1e-6, momentum=0.9)\nSGD(0.1, decay=0)",
        "from torchkeras.optimizers import SGD, schedules\n"
        "SGD(learning_rate=schedules.InverseTimeDecay(0.1, decay_steps=1, decay_rate=1e-6), "
        "momentum=0.9)\nSGD(0.1)",
    ),
    "merge": (
        "from keras.layers import merge\nx = merge([a, b], mode='concat', concat_axis=1)\n"
        "y = merge([a, b], mode='cos', dot_axes=[[1], [1]])\nz = merge([a, b])",
        "from torchkeras.layers import Concatenate, Dot, Add\nx = Concatenate(axis=1)([a, b])\n"
        "y = Dot(axes=[1, 1], normalize=True)([a, b])\nz = Add()([a, b])",
    ),
    "methods of models": (
        "from keras.models import Model\nm = Model(input=a, output=b)\n"
        "m.fit(x, y, nb_epoch=3)\nm.fit_generator(g, 10, nb_epoch=2, nb_worker=1)\n"
        "m.evaluate_generator(g, steps=2)\nm.predict_proba(x)\n"
        "m.compile('sgd', 'binary_crossentropy', class_mode='binary')",
        "from torchkeras.models import Model\nm = Model(inputs=a, outputs=b)\n"
        "m.fit(x, y, epochs=3)\nm.fit(g, steps_per_epoch=10, epochs=2, workers=1)\n"
        "m.evaluate(g, steps=2, verbose=0)\nm.predict(x, verbose=0)\n"
        "m.compile('sgd', 'binary_crossentropy')",
    ),
    "samples of an iterator": (
        "import keras\ng = data.flow(x, batch_size=8)\n"
        "m.fit_generator(g, samples_per_epoch=100, nb_epoch=1)\n"
        "m.fit_generator(data.flow(x, batch_size=8), samples_per_epoch=100, nb_epoch=1)",
        "import torchkeras as keras\ng = data.flow(x, batch_size=8)\n"
        "m.fit(g, steps_per_epoch=-(-100 // g.batch_size), epochs=1)\n"
        "m.fit(data.flow(x, batch_size=8), steps_per_epoch=13, epochs=1)",
    ),
    "classes": (
        "import keras\nloss = 'categorical_crossentropy'\nc = m.predict_classes(x)",
        "import torchkeras as keras\nloss = 'categorical_crossentropy'\n"
        "c = m.predict(x, verbose=0).argmax(-1)",
    ),
    "order of axes": (
        "from keras import backend as K\nK.set_image_dim_ordering('th')\n"
        "if K.image_dim_ordering() == 'tf': pass",
        "from torchkeras import backend as K\nK.set_image_data_format(\"channels_first\")\n"
        "if K.image_data_format() == \"channels_last\": pass",
    ),
    "tensors of TensorFlow": (
        "from keras import Model\nprint(m(x).numpy())",
        "from torchkeras import Model\nimport torchkeras.shim.tensors\n\n"
        "torchkeras.shim.tensors.install()  "
        "# .numpy(), .get_shape() and += as TensorFlow has them\n"
        "print(m(x).numpy())",
    ),
    "a program of others": ("import numpy as np\nnp.ones(3)", "import numpy as np\nnp.ones(3)"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_ported(case):
    before, after = CASES[case]
    found = ported(before)
    assert found.text == after
    assert [remark for remark in found.remarks if not remark.runs] == []
    assert ported(after).text == after  # nothing is left to do
    ast.parse(after)


REMARKS = {
    "missing": ("import tensorflow as tf\ntf.placeholder(3)", 2, "no 'tf.placeholder'", False),
    "refused": (
        "import tensorflow as tf\n\ntf.ragged.constant([])", 3, "rows of different lengths", False,
    ),
    "no such module": ("import tensorflow.contrib.slim as s", 1, "no 'tf.contrib'", False),
    "no such layer": ("from keras.layers import Dnse", 1, r"no 'keras.layers.Dnse'", False),
    "a package on Keras": ("import keras\nimport keras_tuner", 2, "python -m torchkeras", False),
    "a module for Keras": ("from wandb.keras import A", 1, "wandb imports Keras itself", False),
    "by its name": (
        "import importlib, keras\nimportlib.import_module('keras.layers')", 2, "by its name", False,
    ),
    "version": ("import keras\nprint(keras.__version__)", 2, "that of torchkeras", True),
    "kept": ("from keras.layers import Highway\nHighway()", 2, "keeps its old spelling", True),
    "value": (
        "from keras.layers import BatchNormalization as B\nB(mode=2)", 2, "mode=", False,
    ),
    "computed": (
        "from keras.layers import Conv2D\nConv2D(1, 2, dim_ordering=o)", 2, "is computed", True,
    ),
    "decay and a callback": (
        "from keras.optimizers import SGD\nfrom keras.callbacks import LearningRateScheduler\n"
        "SGD(decay=0.1)", 3, "sets the learning rate", True,
    ),
    "samples": (
        "import keras\nm.fit_generator(g(), samples_per_epoch=9, nb_epoch=1)", 2,
        "size of a batch", True,
    ),
    "classes": ("import keras\nm.predict_classes(x)", 2, r"argmax\(-1\)", True),
    "mode": ("from keras.layers import merge\nmerge([a], mode=how)", 2, "write the layer", True),
    "left out": (
        "from keras.layers import Embedding\nEmbedding(9, 3, dropout=0.2)", 2,
        r"dropout= is left out: write a SpatialDropout1D layer", True,
    ),
    "accuracy": (
        "import keras\nm.fit(x, show_accuracy=True)", 2, r"metrics=\['accuracy'\]", True,
    ),
    "period": (
        "from keras.callbacks import ModelCheckpoint\nModelCheckpoint('a', period=2)", 2,
        "save_freq", True,
    ),
    "weights": (
        "import keras\nclass A:\n  def f(self):\n    self.trainable_weights = [w]", 4,
        "add_weight", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REMARKS)
def test_remarks(case):
    text, line, reason, runs = REMARKS[case]
    (found,) = ported(text).remarks
    assert (found.line, found.runs) == (line, runs)
    assert re.search(reason, found.reason), found.reason


def test_this_process_stays_as_it_is():
    """Looking names up does not open the door to TensorFlow here."""
    ported("import tensorflow as tf\ntf.placeholder(3), tf.nn.relu(3), tf.nn.rel")
    assert torch.is_grad_enabled() and "torchkeras.tensorflow" not in sys.modules


def test_line_ends_and_comments_stay():
    text = "# -*- coding: utf-8 -*-\r\n# one\r\nimport keras  # two\r\n\r\n\r\n# three\r\n"
    assert ported(text).text == text.replace("import keras", "import torchkeras as keras")


def test_every_root_is_known():
    for root in ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "keras.src",
                 "tensorflow.compat.v1.keras", "tensorflow.contrib.keras"):  # fmt: skip
        assert names.present(f"{root}.layers.Dense") == "torchkeras.layers.Dense"
    assert names.present("numpy.ones") is names.present("keras_tuner.Tuner") is None


def test_dotted():
    assert bindings.dotted(libcst.parse_expression("f().b")) == ""
