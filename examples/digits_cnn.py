"""Train a small convolutional network on 1,797 real handwritten digits of 8 x 8 pixels.

It reaches more than 98 % on digits that it never saw, saves itself, comes back and predicts the
same. Usage: digits_cnn.py [epochs]
"""

import os
import sys

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

batch_size = 32
epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 25
num_classes = 10
test_size = 360

keras.utils.set_random_seed(1)

# The data: pixels are 0..16; every class is in both parts.
folder = os.path.dirname(os.path.abspath(__file__))
with np.load(os.path.join(folder, "digits.npz")) as digits:
    x, y = digits["x"], digits["y"]
order = np.random.RandomState(0).permutation(len(x))
x = x[order][..., np.newaxis].astype("float32") / 16
y = y[order].astype("int32")
x_train, y_train = x[:-test_size], keras.utils.to_categorical(y[:-test_size], num_classes)
x_test, y_test = x[-test_size:], keras.utils.to_categorical(y[-test_size:], num_classes)
print(x_train.shape[0], "train samples,", x_test.shape[0], "test samples")

model = keras.Sequential(
    [
        keras.Input(shape=(8, 8, 1)),
        layers.Conv2D(32, kernel_size=(3, 3), padding="same", activation="relu"),
        layers.Conv2D(64, kernel_size=(3, 3), padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
model.summary()
model.compile(
    loss="categorical_crossentropy",
    optimizer=keras.optimizers.Adam(learning_rate=0.001),
    metrics=["accuracy"],
)
model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=epochs,
    verbose=2,
    validation_data=(x_test, y_test),
    callbacks=[keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1)],
)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"Test loss: {loss:.4f}")
print(f"Test accuracy: {accuracy:.4f}")

model.save("digits.h5")
loaded = keras.models.load_model("digits.h5")
before = model.predict(x_test, verbose=0)
after = loaded.predict(x_test, verbose=0)
assert np.array_equal(before, after), "the loaded model predicts something else"
print("digits.h5 predicts the same as the model that was saved")
