"""A stateful LSTM, reset between epochs."""

import numpy as np
from keras.layers import LSTM, Dense
from keras.models import Sequential

x = np.sin(np.arange(48) / 4).reshape(-1, 4, 1)
y = np.cos(np.arange(12) / 3).reshape(-1, 1)
model = Sequential()
model.add(LSTM(6, stateful=True, batch_input_shape=(4, 4, 1)))
model.add(Dense(1))
model.compile("rmsprop", "mse")
losses = []
for _ in range(3):
    history = model.fit(x, y, epochs=1, batch_size=4, shuffle=False, verbose=0)
    losses.append(history.history["loss"][0])
    model.reset_states()
results = {"losses": losses, "predictions": model.predict(x, batch_size=4, verbose=0).ravel()}
