"""A frozen base, a new head, then fine tuning of the last layers."""

import os
import tempfile

import numpy as np
from keras import layers, models, optimizers

rng = np.random.RandomState(0)
x, y = rng.rand(32, 8, 8, 3).astype("float32"), rng.randint(0, 2, 32)
conv_base = models.Sequential(
    [
        layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 3), name="block1"),
        layers.MaxPooling2D(),
        layers.Conv2D(4, 3, activation="relu", name="block2"),
    ],
    name="base",
)
path = os.path.join(tempfile.mkdtemp(), "base.h5")
conv_base.save_weights(path)
conv_base.load_weights(path)
model = models.Sequential(
    [
        conv_base,
        layers.Flatten(),
        layers.Dense(4, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
before = len(model.trainable_weights)
conv_base.trainable = False
after = len(model.trainable_weights)
model.compile(
    loss="binary_crossentropy", optimizer=optimizers.RMSprop(learning_rate=2e-3), metrics=["acc"]
)
first = model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
conv_base.trainable = True
for layer in conv_base.layers:
    layer.trainable = layer.name == "block2"
model.compile(
    loss="binary_crossentropy", optimizer=optimizers.RMSprop(learning_rate=1e-3), metrics=["acc"]
)
second = model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
results = {
    "before": before,
    "after": after,
    "first": first.history["loss"],
    "second": second.history["loss"],
    "tuned": len(model.trainable_weights),
}
