"""Keras 3 words: keras.ops, keras.Input, add_weight with shapes."""

import numpy as np
import keras
from keras import layers, ops


class Pairwise(layers.Layer):
    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], 4), initializer="glorot_uniform", trainable=True
        )
        self.b = self.add_weight(shape=(4,), initializer="zeros", trainable=True)

    def call(self, inputs):
        x = ops.matmul(inputs, self.w) + self.b
        return ops.softmax(ops.concatenate([x, ops.square(x)], axis=-1), axis=-1)


rng = np.random.RandomState(0)
x, y = rng.rand(32, 5).astype("float32"), rng.rand(32, 1)
inputs = keras.Input(shape=(5,))
outputs = layers.Dense(1)(Pairwise()(inputs))
model = keras.Model(inputs, outputs)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.01), loss=keras.losses.MeanSquaredError()
)
history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False)
results = history.history
