"""Maps over pictures, augmentation layers, a functional model with Rescaling."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.RandomState(0)
images, labels = (rng.rand(24, 10, 10, 3) * 255).astype("uint8"), rng.randint(0, 2, 24)


def prepare(image, label):
    image = tf.image.convert_image_dtype(image, tf.float32)
    image = tf.image.resize(image, (8, 8))
    image = tf.image.random_flip_left_right(image)
    image = tf.image.random_brightness(image, max_delta=0.1)
    return tf.clip_by_value(image, 0.0, 1.0), tf.one_hot(label, 2)


ds = (
    tf.data.Dataset.from_tensor_slices((images, labels))
    .map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    .shuffle(24)
    .batch(8)
    .repeat()
)
augment = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])
inputs = keras.Input((8, 8, 3))
x = layers.Rescaling(1.0)(augment(inputs))
x = layers.Conv2D(4, 3, activation="relu")(x)
model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(x)))
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
history = model.fit(ds, steps_per_epoch=3, epochs=2, verbose=0)
for image, label in ds.take(1):
    shape = image.shape.as_list()
results = {"epochs": len(history.history["loss"]), "shape": shape}
