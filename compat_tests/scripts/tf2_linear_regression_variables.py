"""Bare variables, a Module and an optimizer."""

import numpy as np
import tensorflow as tf

x = tf.constant(np.linspace(-2, 2, 40), dtype=tf.float32)
y = x * 3.0 + 2.0


class MyModel(tf.Module):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.w = tf.Variable(5.0)
        self.b = tf.Variable(0.0)

    def __call__(self, x):
        return self.w * x + self.b


def loss(target_y, predicted_y):
    return tf.reduce_mean(tf.square(target_y - predicted_y))


model = MyModel()
weights = []
for epoch in range(5):
    with tf.GradientTape() as t:
        current_loss = loss(y, model(x))
    dw, db = t.gradient(current_loss, [model.w, model.b])
    model.w.assign_sub(0.1 * dw)
    model.b.assign_sub(0.1 * db)
    weights.append([model.w.numpy(), model.b.numpy()])
    print(
        "Epoch %2d: W=%1.2f b=%1.2f, loss=%2.5f"
        % (epoch, weights[-1][0], weights[-1][1], current_loss)
    )
optimizer = tf.optimizers.Adam(0.5)
for _ in range(3):
    with tf.GradientTape() as t:
        current_loss = loss(y, model(x))
    gradients = t.gradient(current_loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
results = {
    "weights": np.array(weights),
    "loss": f"{current_loss.numpy():.4f}",
    "variables": len(model.variables),
}
