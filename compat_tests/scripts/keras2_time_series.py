"""A series, its windows, and a forecast step by step."""

import numpy as np
from keras.layers import GRU, Dense, Dropout
from keras.models import Sequential
from keras.preprocessing.sequence import TimeseriesGenerator

series = np.sin(np.arange(120) / 5).reshape(-1, 1)
train, test = series[:100], series[100:]
generator = TimeseriesGenerator(train, train, length=10, batch_size=15)
model = Sequential()
model.add(GRU(8, return_sequences=True, input_shape=(10, 1)))
model.add(Dropout(0.0))
model.add(GRU(8))
model.add(Dense(1))
model.compile(optimizer="adam", loss="mse")
history = model.fit(generator, epochs=2, shuffle=False, verbose=0)
window, forecast = train[-10:].reshape(1, 10, 1), []
for _ in range(4):
    value = model.predict(window, verbose=0)[0]
    forecast.append(float(value[0]))
    window = np.append(window[:, 1:], [[value]], axis=1)
results = {"loss": history.history["loss"], "forecast": forecast}
