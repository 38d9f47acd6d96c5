"""TensorFlow's functions between layers of a functional model."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Model, layers

rng = np.random.RandomState(0)
x = rng.rand(12, 6, 4).astype("float32")
inp = Input((6, 4))
h = layers.Dense(8)(inp)
h = tf.nn.relu(h)
mean, peak = tf.reduce_mean(h, axis=1), tf.math.reduce_max(h, axis=1)
h = tf.concat([mean, peak], axis=-1)
h = tf.reshape(h, (-1, 4, 4))
h = tf.transpose(h, [0, 2, 1])
h = tf.squeeze(tf.expand_dims(h, 1), axis=1) * 2.0 + 1.0
h = tf.cast(h, tf.float32)
first, second = tf.split(h, 2, axis=1)
h = tf.stack([first, second], axis=1)
h = tf.reduce_sum(tf.square(h) - tf.abs(h), axis=[2, 3])
h = tf.where(h > 0, h, tf.zeros_like(h))
out = tf.nn.softmax(h)
model = Model(inp, out)
model.compile("adam", "mse")
history = model.fit(
    x, np.tile([0.0, 1.0], (12, 1)), epochs=2, batch_size=4, shuffle=False, verbose=0
)
results = {"loss": history.history["loss"], "names": [layer.name for layer in model.layers][:4]}
