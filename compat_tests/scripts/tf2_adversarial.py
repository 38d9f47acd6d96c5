"""The fast gradient sign method."""

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
model = tf.keras.Sequential(
    [tf.keras.layers.Flatten(input_shape=(6, 6, 1)), tf.keras.layers.Dense(3, activation="softmax")]
)
model.trainable = False
loss_object = tf.keras.losses.CategoricalCrossentropy()
image = tf.cast(rng.rand(1, 6, 6, 1), tf.float32)
label = tf.reshape(tf.one_hot(1, 3), (1, 3))


def create_adversarial_pattern(input_image, input_label):
    with tf.GradientTape() as tape:
        tape.watch(input_image)
        prediction = model(input_image)
        loss = loss_object(input_label, prediction)
    return tf.sign(tape.gradient(loss, input_image))


perturbations = create_adversarial_pattern(image, label)
values = [
    model.predict(tf.clip_by_value(image + eps * perturbations, -1, 1), verbose=0)[0, 1]
    for eps in (0, 0.01, 0.1)
]
results = {"values": [float(v) for v in values]}
