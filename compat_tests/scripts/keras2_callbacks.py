"""Callbacks galore."""

import os
import tempfile

import numpy as np
from keras import callbacks
from keras.layers import Dense
from keras.models import Sequential, load_model

rng = np.random.RandomState(0)
x, y = rng.rand(64, 6), rng.rand(64, 1)
folder = tempfile.mkdtemp()


class Notes(callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.events, self.batches = ["begin"], 0

    def on_batch_end(self, batch, logs={}):
        self.batches += 1

    def on_epoch_end(self, epoch, logs=None):
        self.events.append((epoch, sorted(logs), float(self.model.optimizer.lr)))

    def on_train_end(self, logs=None):
        self.events.append("end")


model = Sequential([Dense(8, activation="relu", input_shape=(6,)), Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
notes = Notes()
history = model.fit(
    x,
    y,
    epochs=5,
    batch_size=16,
    shuffle=False,
    validation_split=0.25,
    verbose=0,
    callbacks=[
        notes,
        callbacks.EarlyStopping(monitor="val_loss", patience=10, restore_best_weights=True),
        callbacks.ReduceLROnPlateau(
            monitor="val_loss", factor=0.5, patience=1, min_delta=10.0, verbose=0
        ),
        callbacks.ModelCheckpoint(
            os.path.join(folder, "best.h5"), monitor="val_loss", save_best_only=True
        ),
        callbacks.CSVLogger(os.path.join(folder, "log.csv")),
        callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.9),
        callbacks.TerminateOnNaN(),
        callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: None),
    ],
)
best = load_model(os.path.join(folder, "best.h5"))
results = {
    **history.history,
    "events": str(notes.events),
    "batches": notes.batches,
    "log": open(os.path.join(folder, "log.csv")).readline(),
    "best": best.evaluate(x, y, verbose=0),
}
results["lr"] = [float(v) for v in results.pop("lr", [])]
