"""Pictures in folders, by ImageDataGenerator."""

import os
import tempfile

import numpy as np
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.preprocessing.image import ImageDataGenerator, array_to_img, img_to_array, load_img

folder = tempfile.mkdtemp()
rng = np.random.RandomState(0)
for name, light in (("cats", 60), ("dogs", 190)):
    os.makedirs(os.path.join(folder, name))
    for i in range(8):
        picture = np.clip(rng.normal(light, 20, (16, 16, 3)), 0, 255)
        array_to_img(picture).save(os.path.join(folder, name, f"{name}.{i}.png"))
train_datagen = ImageDataGenerator(rescale=1.0 / 255, validation_split=0.25)
options = {"target_size": (12, 12), "batch_size": 4, "class_mode": "binary", "shuffle": False}
train = train_datagen.flow_from_directory(folder, subset="training", **options)
validation = train_datagen.flow_from_directory(folder, subset="validation", **options)
model = Sequential(
    [
        Conv2D(4, (3, 3), activation="relu", input_shape=(12, 12, 3)),
        MaxPooling2D(),
        Flatten(),
        Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(
    train, steps_per_epoch=3, epochs=3, validation_data=validation, validation_steps=1, verbose=0
)
img = img_to_array(load_img(os.path.join(folder, "cats", "cats.0.png"), target_size=(12, 12)))
augmented = next(
    ImageDataGenerator(rotation_range=30, horizontal_flip=True, zoom_range=0.2).flow(
        img[None], batch_size=1
    )
)
results = {
    **history.history,
    "classes": train.class_indices,
    "augmented": augmented.shape,
    "mean": float(img.mean()),
}
