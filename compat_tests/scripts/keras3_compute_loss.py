"""A model that overrides compute_loss, with a metric of its own."""

import numpy as np
import keras

rng = np.random.RandomState(0)
x, y = rng.rand(40, 3).astype("float32"), rng.rand(40, 1).astype("float32")


class CustomModel(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_tracker = keras.metrics.Mean(name="loss")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = keras.losses.mean_squared_error(y, y_pred)
        loss = keras.ops.mean(loss) if hasattr(keras, "ops") else keras.backend.mean(loss)
        self.loss_tracker.update_state(loss)
        return loss

    @property
    def metrics(self):
        return [self.loss_tracker]


inputs = keras.Input(shape=(3,))
model = CustomModel(inputs, keras.layers.Dense(1)(inputs))
model.compile(optimizer="adam")
history = model.fit(x, y, epochs=2, batch_size=10, shuffle=False, verbose=0)
results = {"loss": history.history["loss"]}
