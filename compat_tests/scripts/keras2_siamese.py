"""A siamese net with a contrastive loss."""

import numpy as np
from keras import backend as K
from keras.layers import Dense, Dropout, Flatten, Input, Lambda
from keras.models import Model
from keras.optimizers import RMSprop

rng = np.random.RandomState(0)
pairs = rng.rand(48, 2, 5, 5).astype("float32")
labels = rng.randint(0, 2, 48).astype("float32")


def euclidean_distance(vects):
    x, y = vects
    return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))


def contrastive_loss(y_true, y_pred):
    margin = 1
    return K.mean(
        y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(margin - y_pred, 0))
    )


def accuracy(y_true, y_pred):
    return K.mean(K.equal(y_true, K.cast(y_pred < 0.5, y_true.dtype)))


inp = Input(shape=(5, 5))
x = Dense(8, activation="relu")(Flatten()(inp))
base = Model(inp, Dense(8, activation="relu")(Dropout(0.0)(x)))
a, b = Input(shape=(5, 5)), Input(shape=(5, 5))
distance = Lambda(euclidean_distance, output_shape=lambda shapes: (shapes[0][0], 1))(
    [base(a), base(b)]
)
model = Model([a, b], distance)
model.compile(loss=contrastive_loss, optimizer=RMSprop(), metrics=[accuracy])
history = model.fit(
    [pairs[:, 0], pairs[:, 1]], labels, batch_size=12, epochs=3, shuffle=False, verbose=0
)
results = history.history
