"""Grad-CAM: the gradient of a class by the last convolution."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.RandomState(0)
img_array = rng.rand(1, 10, 10, 3).astype("float32")
model = keras.Sequential(
    [
        keras.layers.Conv2D(4, 3, activation="relu", input_shape=(10, 10, 3)),
        keras.layers.Conv2D(6, 3, activation="relu", name="last_conv"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(5, activation="softmax"),
    ]
)
model.layers[-1].activation = None
grad_model = keras.models.Model(model.inputs, [model.get_layer("last_conv").output, model.output])
with tf.GradientTape() as tape:
    last_conv_layer_output, preds = grad_model(img_array)
    pred_index = tf.argmax(preds[0])
    class_channel = preds[:, pred_index]
grads = tape.gradient(class_channel, last_conv_layer_output)
pooled_grads = tf.reduce_mean(grads, axis=(0, 1, 2))
last_conv_layer_output = last_conv_layer_output[0]
heatmap = last_conv_layer_output @ pooled_grads[..., tf.newaxis]
heatmap = tf.squeeze(heatmap)
heatmap = tf.maximum(heatmap, 0) / (tf.math.reduce_max(tf.abs(heatmap)) + 1e-9)
results = {"heatmap": heatmap.numpy(), "shape": heatmap.shape.as_list()}
