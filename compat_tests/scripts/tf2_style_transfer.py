"""Style transfer: the picture is the variable."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.RandomState(0)
base, style = rng.rand(1, 12, 12, 3).astype("float32"), rng.rand(1, 12, 12, 3).astype("float32")
net = keras.Sequential(
    [
        keras.layers.Conv2D(
            4, 3, activation="relu", padding="same", name="block1", input_shape=(12, 12, 3)
        ),
        keras.layers.MaxPooling2D(name="pool"),
        keras.layers.Conv2D(6, 3, padding="same", name="block2"),
    ]
)
features = keras.Model(
    inputs=net.inputs, outputs={layer.name: layer.output for layer in net.layers}
)


def gram_matrix(x):
    x = tf.transpose(x, (2, 0, 1))
    rows = tf.reshape(x, (tf.shape(x)[0], -1))
    return tf.matmul(rows, tf.transpose(rows))


def total_variation_loss(x):
    a = tf.square(x[:, :11, :11, :] - x[:, 1:, :11, :])
    b = tf.square(x[:, :11, :11, :] - x[:, :11, 1:, :])
    return tf.reduce_sum(tf.pow(a + b, 1.25))


def compute_loss(combination_image):
    found = features(tf.concat([base, style, combination_image], axis=0))
    loss = tf.zeros(shape=())
    content = found["block2"]
    loss = loss + 2.5e-2 * tf.reduce_sum(tf.square(content[2, :, :, :] - content[0, :, :, :]))
    block = found["block1"]
    loss += 1e-2 * tf.reduce_sum(tf.square(gram_matrix(block[1]) - gram_matrix(block[2])))
    return loss + 1e-3 * total_variation_loss(combination_image)


optimizer = keras.optimizers.SGD(
    keras.optimizers.schedules.ExponentialDecay(
        initial_learning_rate=0.01, decay_steps=2, decay_rate=0.96
    )
)
combination_image = tf.Variable(base)
losses = []
for i in range(4):
    with tf.GradientTape() as tape:
        loss = compute_loss(combination_image)
    grads = tape.gradient(loss, combination_image)
    optimizer.apply_gradients([(grads, combination_image)])
    losses.append(float(loss))
results = {"losses": losses, "image": combination_image.numpy().mean()}
