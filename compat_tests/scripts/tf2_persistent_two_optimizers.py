"""One persistent tape, two losses, an update between the two gradients."""

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
x = tf.constant(rng.rand(16, 4).astype("float32"))
shared = tf.keras.layers.Dense(6, activation="tanh")
head_a, head_b = tf.keras.layers.Dense(1), tf.keras.layers.Dense(2)
for layer, size in ((shared, 4), (head_a, 6), (head_b, 6)):
    layer.build((None, size))
first, second = tf.keras.optimizers.SGD(0.1), tf.keras.optimizers.Adam(0.01)
losses = []
for _ in range(3):
    with tf.GradientTape(persistent=True) as tape:
        h = shared(x)
        loss_a = tf.reduce_mean(tf.square(head_a(h) - 1.0))
        loss_b = tf.reduce_mean(tf.abs(head_b(h)))
    variables_a = shared.trainable_variables + head_a.trainable_variables
    first.apply_gradients(zip(tape.gradient(loss_a, variables_a), variables_a))
    variables_b = shared.trainable_variables + head_b.trainable_variables
    second.apply_gradients(zip(tape.gradient(loss_b, variables_b), variables_b))
    del tape
    losses.append([float(loss_a), float(loss_b)])
results = {"losses": losses}
