"""Words to vectors, pooled."""

import numpy as np
from keras import layers, models
from keras.preprocessing import sequence

rng = np.random.RandomState(1)
reviews = [list(rng.randint(1, 50, rng.randint(3, 20))) for _ in range(60)]
labels = np.array([sum(r) % 2 for r in reviews])
x = sequence.pad_sequences(reviews, maxlen=12)
model = models.Sequential()
model.add(layers.Embedding(50, 8, input_length=12))
model.add(layers.Conv1D(8, 3, activation="relu"))
model.add(layers.GlobalMaxPooling1D())
model.add(layers.Dense(1, activation="sigmoid"))
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["acc"])
history = model.fit(
    x, labels, epochs=3, batch_size=20, validation_split=0.2, shuffle=False, verbose=0
)
results = {k: v for k, v in history.history.items()}
