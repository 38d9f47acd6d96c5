"""Deep dream: gradient ascent on a tensor."""

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
original = rng.rand(20, 20, 3).astype("float32")
conv = tf.keras.Sequential(
    [tf.keras.layers.Conv2D(4, 3, activation="relu", input_shape=(None, None, 3))]
)


def deprocess(img):
    img = 255 * (img + 1.0) / 2.0
    return tf.cast(img, tf.uint8)


@tf.function
def step(img, size):
    with tf.GradientTape() as tape:
        tape.watch(img)
        loss = tf.reduce_mean(conv(tf.expand_dims(img, axis=0)))
    gradients = tape.gradient(loss, img)
    gradients /= tf.math.reduce_std(gradients) + 1e-8
    img = img + gradients * size
    return loss, tf.clip_by_value(img, -1, 1)


img = tf.convert_to_tensor(original)
losses = []
for octave in range(2):
    for _ in range(3):
        loss, img = step(img, tf.convert_to_tensor(0.01))
        losses.append(loss.numpy())
    img = tf.image.resize(img, [24, 24])
results = {
    "losses": [float(v) for v in losses],
    "pixels": deprocess(img).numpy().mean(),
    "dtype": deprocess(img).dtype.name,
}
