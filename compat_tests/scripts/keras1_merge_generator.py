"""Two branches merged, and a generator that counts samples."""

from itertools import repeat

import numpy as np
from keras.layers import Dense, Input, merge
from keras.models import Model


def batches(seed):
    rng = np.random.RandomState(seed)
    while True:
        a, b = rng.rand(8, 4), rng.rand(8, 3)
        yield [a, b], a.sum(1) - b.sum(1)


left, right = Input(shape=(4,)), Input(shape=(3,))
both = merge(
    [Dense(6, activation="tanh")(left), Dense(6, activation="tanh")(right)],
    mode="concat",
    concat_axis=-1,
)
model = Model(input=[left, right], output=Dense(1)(both))
model.compile("adam", "mse")
history = model.fit_generator(
    batches(0),
    samples_per_epoch=32,
    nb_epoch=3,
    verbose=0,
    validation_data=repeat(next(batches(1))),
    nb_val_samples=16,
)
results = {"history": history.history, "epochs": history.epoch}
