"""Train a functional model with two inputs and two outputs on data that the script makes.

A customer is a row of numbers and a series of past orders; the model tells what the customer
will spend (a number) and whether there will be an order at all (a probability).
Usage: two_inputs.py [epochs]
"""

import sys

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.models import Model

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
samples, steps, features = 2000, 12, 5

keras.utils.set_random_seed(7)

rng = np.random.RandomState(7)
profile = rng.normal(size=(samples, features)).astype("float32")
orders = rng.normal(size=(samples, steps, 1)).astype("float32")
trend = orders[:, -3:, 0].mean(axis=1)
spend = (profile[:, 0] + 2 * trend + 0.1 * rng.normal(size=samples)).astype("float32")
will_order = (spend > 0).astype("float32")

profile_input = keras.Input(shape=(features,), name="profile")
orders_input = keras.Input(shape=(steps, 1), name="orders")

seen = layers.LSTM(16, name="history")(orders_input)
known = layers.Dense(16, activation="relu", name="facts")(profile_input)
merged = layers.concatenate([seen, known])
merged = layers.Dense(32, activation="relu", name="both")(merged)
spend_output = layers.Dense(1, name="spend")(merged)
order_output = layers.Dense(1, activation="sigmoid", name="will_order")(merged)

model = Model(inputs=[profile_input, orders_input], outputs=[spend_output, order_output])
model.summary()
model.compile(
    optimizer="adam",
    loss={"spend": "mse", "will_order": "binary_crossentropy"},
    loss_weights={"spend": 1.0, "will_order": 0.5},
    metrics={"spend": "mae", "will_order": "accuracy"},
)
history = model.fit(
    {"profile": profile, "orders": orders},
    {"spend": spend, "will_order": will_order},
    batch_size=64,
    epochs=epochs,
    validation_split=0.2,
    verbose=2,
    callbacks=[keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)],
)

print("Measured:", ", ".join(sorted(history.history)))
first, last = history.history["val_loss"][0], history.history["val_loss"][-1]
print(f"Validation loss: {first:.4f} at first, {last:.4f} at last")
predicted_spend, predicted_order = model.predict([profile[:3], orders[:3]], verbose=0)
for i in range(3):
    print(
        f"Customer {i}: spends {predicted_spend[i, 0]:.2f} (truth {spend[i]:.2f}), orders with "
        f"probability {predicted_order[i, 0]:.2f} (truth {will_order[i]:.0f})"
    )
