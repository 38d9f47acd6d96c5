"""Regression with k-fold validation, as in a well-known book."""

import numpy as np
from keras import layers, models

rng = np.random.RandomState(2)
train_data = rng.normal(3, 2, (60, 5)).astype("float32")
train_targets = train_data @ rng.rand(5) + 1
mean, std = train_data.mean(axis=0), train_data.std(axis=0)
train_data = (train_data - mean) / std


def build_model():
    model = models.Sequential()
    model.add(layers.Dense(8, activation="relu", input_shape=(train_data.shape[1],)))
    model.add(layers.Dense(8, activation="relu"))
    model.add(layers.Dense(1))
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
    return model


k = 3
size = len(train_data) // k
scores = []
for i in range(k):
    val_data, val_targets = (
        train_data[i * size : (i + 1) * size],
        train_targets[i * size : (i + 1) * size],
    )
    part_data = np.concatenate([train_data[: i * size], train_data[(i + 1) * size :]], axis=0)
    part_targets = np.concatenate(
        [train_targets[: i * size], train_targets[(i + 1) * size :]], axis=0
    )
    model = build_model()
    model.fit(part_data, part_targets, epochs=4, batch_size=4, shuffle=False, verbose=0)
    val_mse, val_mae = model.evaluate(val_data, val_targets, verbose=0)
    scores.append(val_mae)
results = {"scores": scores}
