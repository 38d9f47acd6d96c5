"""pip: keras-layer-normalization attention ncps coral-ordinal focal-loss"""

import os

os.environ["TF_KERAS"] = "1"
import coral_ordinal as coral
import numpy as np
from attention import Attention
from focal_loss import BinaryFocalLoss, SparseCategoricalFocalLoss
from keras_layer_normalization import LayerNormalization
from ncps.tf import LTC, CfC
from ncps.wirings import AutoNCP
from tensorflow import keras

x = np.random.rand(8, 6, 4).astype("float32")
inputs = keras.layers.Input((6, 4))
h = LayerNormalization()(inputs)
h = keras.layers.LSTM(5, return_sequences=True)(h)
model = keras.Model(inputs, keras.layers.Dense(1)(Attention(units=8)(h)))
model.compile("adam", "mse")
model.fit(x, x.mean((1, 2)), verbose=0)
for layer in (CfC(AutoNCP(8, 2), return_sequences=True), LTC(AutoNCP(8, 2), return_sequences=True)):
    model = keras.Sequential([keras.layers.InputLayer(input_shape=(None, 4)), layer])
    model.compile("adam", "mse")
    model.fit(x, x[..., :2], verbose=0)
model = keras.Sequential(
    [keras.layers.Dense(4, input_shape=(4,)), coral.CoralOrdinal(num_classes=3)]
)
model.compile(
    "adam", coral.OrdinalCrossEntropy(num_classes=3), metrics=[coral.MeanAbsoluteErrorLabels()]
)
model.fit(x[:, 0], np.arange(8) % 3, verbose=0)
assert coral.ordinal_softmax(model.predict(x[:, 0], verbose=0)).shape == (8, 3)
model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid", input_shape=(4,))])
model.compile("adam", BinaryFocalLoss(gamma=2))
model.fit(x[:, 0], np.arange(8) % 2, verbose=0)
model = keras.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=(4,))])
model.compile("adam", SparseCategoricalFocalLoss(gamma=2))
model.fit(x[:, 0], np.arange(8) % 3, verbose=0)
