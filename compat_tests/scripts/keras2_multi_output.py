"""Several inputs and outputs, losses and weights by name."""

import numpy as np
from keras import Input, Model, layers

rng = np.random.RandomState(0)
title, body, tags = (
    rng.randint(0, 30, (40, 6)),
    rng.randint(0, 30, (40, 10)),
    rng.randint(0, 2, (40, 4)).astype("float32"),
)
priority, department = rng.rand(40, 1), np.eye(3)[rng.randint(0, 3, 40)]
title_input = Input(shape=(None,), name="title")
body_input = Input(shape=(None,), name="body")
tags_input = Input(shape=(4,), name="tags")
title_features = layers.LSTM(6)(layers.Embedding(30, 8)(title_input))
body_features = layers.LSTM(4)(layers.Embedding(30, 8)(body_input))
x = layers.concatenate([title_features, body_features, tags_input])
priority_pred = layers.Dense(1, activation="sigmoid", name="priority")(x)
department_pred = layers.Dense(3, activation="softmax", name="department")(x)
model = Model(
    inputs=[title_input, body_input, tags_input], outputs=[priority_pred, department_pred]
)
model.compile(
    optimizer="rmsprop",
    loss={"priority": "binary_crossentropy", "department": "categorical_crossentropy"},
    loss_weights={"priority": 1.0, "department": 0.2},
    metrics={"department": ["accuracy"]},
)
history = model.fit(
    {"title": title, "body": body, "tags": tags},
    {"priority": priority, "department": department},
    epochs=2,
    batch_size=10,
    shuffle=False,
    verbose=0,
)
results = history.history
