"""image_dataset_from_directory, cache, prefetch, evaluate."""

import os
import tempfile

import numpy as np
import tensorflow as tf

folder, rng = tempfile.mkdtemp(), np.random.RandomState(0)
for name, light in (("daisy", 60), ("rose", 190)):
    os.makedirs(os.path.join(folder, name))
    for i in range(10):
        picture = np.clip(rng.normal(light, 20, (14, 14, 3)), 0, 255)
        tf.keras.utils.save_img(os.path.join(folder, name, f"{i}.png"), picture)
options = {"validation_split": 0.2, "seed": 123, "image_size": (12, 12), "batch_size": 4}
train_ds = tf.keras.utils.image_dataset_from_directory(folder, subset="training", **options)
val_ds = tf.keras.utils.image_dataset_from_directory(folder, subset="validation", **options)
class_names = train_ds.class_names
for image_batch, labels_batch in train_ds:
    shapes = [image_batch.shape.as_list(), labels_batch.shape.as_list()]
    break
train_ds = train_ds.cache().shuffle(100).prefetch(buffer_size=tf.data.AUTOTUNE)
model = tf.keras.Sequential(
    [
        tf.keras.layers.Rescaling(1.0 / 255, input_shape=(12, 12, 3)),
        tf.keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
        tf.keras.layers.MaxPooling2D(),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(len(class_names)),
    ]
)
model.compile(
    optimizer="adam",
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(train_ds, validation_data=val_ds, epochs=2, verbose=0)
score = tf.nn.softmax(model.predict(val_ds, verbose=0)[0])
results = {
    "classes": class_names,
    "shapes": shapes,
    "keys": sorted(history.history),
    "sum": round(float(np.sum(score)), 4),
}
