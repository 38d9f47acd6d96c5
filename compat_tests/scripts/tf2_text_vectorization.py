"""Strings end to end: TextVectorization in a data pipeline."""

import re
import string

import tensorflow as tf
from tensorflow.keras import layers

texts = [
    "This movie was great!<br />Truly",
    "Terrible, terrible film.",
    "I liked it a lot",
    "What a waste of time",
] * 5
labels = [1, 0, 1, 0] * 5
raw = tf.data.Dataset.from_tensor_slices((texts, labels)).batch(5)


def custom_standardization(input_data):
    lowercase = tf.strings.lower(input_data)
    stripped_html = tf.strings.regex_replace(lowercase, "<br />", " ")
    return tf.strings.regex_replace(stripped_html, f"[{re.escape(string.punctuation)}]", "")


vectorize_layer = layers.TextVectorization(
    standardize=custom_standardization, max_tokens=40, output_mode="int", output_sequence_length=6
)
vectorize_layer.adapt(raw.map(lambda x, y: x))


def vectorize_text(text, label):
    return vectorize_layer(text), label


train = raw.map(vectorize_text).cache().prefetch(buffer_size=tf.data.AUTOTUNE)
model = tf.keras.Sequential(
    [layers.Embedding(40, 8), layers.GlobalAveragePooling1D(), layers.Dense(1)]
)
model.compile(
    loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
    optimizer="adam",
    metrics=[tf.metrics.BinaryAccuracy(threshold=0.0)],
)
history = model.fit(train, epochs=2, verbose=0)
results = {**history.history, "vocabulary": vectorize_layer.get_vocabulary()[:6]}
