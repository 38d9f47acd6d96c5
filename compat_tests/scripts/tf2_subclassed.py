"""A subclassed model, fit on data sets, with validation and save_weights."""

import os
import tempfile

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
x, y = rng.rand(60, 6, 6).astype("float32"), rng.randint(0, 4, 60)
x = x[..., tf.newaxis]
train_ds = tf.data.Dataset.from_tensor_slices((x[:40], y[:40])).batch(10).prefetch(tf.data.AUTOTUNE)
test_ds = tf.data.Dataset.from_tensor_slices((x[40:], y[40:])).batch(10)


class MyModel(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = tf.keras.layers.Conv2D(4, 3, activation="relu")
        self.flatten = tf.keras.layers.Flatten()
        self.d1 = tf.keras.layers.Dense(8, activation="relu")
        self.d2 = tf.keras.layers.Dense(4)

    def call(self, x):
        return self.d2(self.d1(self.flatten(self.conv1(x))))


model = MyModel()
model.compile(
    optimizer="adam",
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(train_ds, validation_data=test_ds, epochs=2, verbose=0)
path = os.path.join(tempfile.mkdtemp(), "weights.h5")
model.save_weights(path)
other = MyModel()
other.build((None, 6, 6, 1))
other.load_weights(path)
results = {
    **history.history,
    "same": bool(
        np.allclose(other.predict(test_ds, verbose=0), model.predict(test_ds, verbose=0), atol=1e-6)
    ),
}
