"""A convolutional autoencoder, and its encoder by itself."""

import numpy as np
from keras.layers import Conv2D, Input, MaxPooling2D, UpSampling2D
from keras.models import Model

x_train = np.random.RandomState(0).rand(32, 8, 8, 1).astype("float32")
input_img = Input(shape=(8, 8, 1))
x = Conv2D(8, (3, 3), activation="relu", padding="same")(input_img)
x = MaxPooling2D((2, 2), padding="same")(x)
x = Conv2D(4, (3, 3), activation="relu", padding="same")(x)
encoded = MaxPooling2D((2, 2), padding="same", name="code")(x)
x = Conv2D(4, (3, 3), activation="relu", padding="same")(encoded)
x = UpSampling2D((2, 2))(x)
x = Conv2D(8, (3, 3), activation="relu", padding="same")(x)
x = UpSampling2D((2, 2))(x)
decoded = Conv2D(1, (3, 3), activation="sigmoid", padding="same")(x)
autoencoder = Model(input_img, decoded)
autoencoder.compile(optimizer="adadelta", loss="binary_crossentropy")
history = autoencoder.fit(
    x_train,
    x_train,
    epochs=3,
    batch_size=8,
    shuffle=False,
    validation_data=(x_train, x_train),
    verbose=0,
)
encoder = Model(input_img, autoencoder.get_layer("code").output)
results = {**history.history, "code": encoder.predict(x_train, verbose=0).mean()}
