"""A convolutional net in the words of Keras 1."""

import numpy as np
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.core import Activation, Dense, Dropout, Flatten
from keras.models import Sequential
from keras.optimizers import SGD
from keras.utils import np_utils

np.random.seed(0)
X = np.random.rand(64, 12, 12, 1).astype("float32")
y = (X.mean((1, 2, 3)) > 0.5).astype(int)
Y = np_utils.to_categorical(y, 2)

model = Sequential()
model.add(Convolution2D(4, 3, 3, border_mode="same", dim_ordering="tf", input_shape=(12, 12, 1)))
model.add(Activation("relu"))
model.add(Convolution2D(4, 3, 3, subsample=(2, 2), init="he_normal"))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(p=0.0))  # nothing is drawn, so that runs are alike
model.add(Flatten())
model.add(Dense(output_dim=8, W_regularizer="l2"))
model.add(Dense(2))
model.add(Activation("softmax"))
model.compile(
    loss="categorical_crossentropy",
    optimizer=SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True),
    metrics=["accuracy"],
)
history = model.fit(
    X, Y, batch_size=16, nb_epoch=2, verbose=0, validation_data=(X, Y), shuffle=False
)
score = model.evaluate(X, Y, verbose=0)
classes = model.predict_classes(X, verbose=0)
losses = {key: values for key, values in history.history.items() if "acc" not in key}
results = {"losses": losses, "score": score[0], "probabilities": model.predict_proba(X, verbose=0)}
