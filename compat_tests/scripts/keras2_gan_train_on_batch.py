"""A generator and a discriminator trained by turns with train_on_batch."""

import numpy as np
from keras.layers import BatchNormalization, Dense, Input, LeakyReLU, Reshape
from keras.models import Model, Sequential
from keras.optimizers import Adam


class GAN:
    def __init__(self):
        self.shape, self.latent_dim = (4, 4, 1), 6
        optimizer = Adam(0.0002, 0.5)
        self.discriminator = self.build_discriminator()
        self.discriminator.compile(
            loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"]
        )
        self.generator = self.build_generator()
        z = Input(shape=(self.latent_dim,))
        img = self.generator(z)
        self.discriminator.trainable = False
        validity = self.discriminator(img)
        self.combined = Model(z, validity)
        self.combined.compile(loss="binary_crossentropy", optimizer=Adam(0.0002, 0.5))

    def build_generator(self):
        model = Sequential()
        model.add(Dense(16, input_dim=self.latent_dim))
        model.add(LeakyReLU(alpha=0.2))
        model.add(BatchNormalization(momentum=0.8))
        model.add(Dense(int(np.prod(self.shape)), activation="tanh"))
        model.add(Reshape(self.shape))
        noise = Input(shape=(self.latent_dim,))
        return Model(noise, model(noise))

    def build_discriminator(self):
        from keras.layers import Flatten

        model = Sequential()
        model.add(Flatten(input_shape=self.shape))
        model.add(Dense(16))
        model.add(LeakyReLU(alpha=0.2))
        model.add(Dense(1, activation="sigmoid"))
        img = Input(shape=self.shape)
        return Model(img, model(img))

    def train(self, epochs, batch_size=8):
        rng = np.random.RandomState(0)
        data = rng.normal(size=(64, *self.shape)).astype("float32")
        valid, fake = np.ones((batch_size, 1)), np.zeros((batch_size, 1))
        losses = []
        for _ in range(epochs):
            imgs = data[rng.randint(0, len(data), batch_size)]
            noise = rng.normal(0, 1, (batch_size, self.latent_dim))
            gen_imgs = self.generator.predict(noise, verbose=0)
            d_loss_real = self.discriminator.train_on_batch(imgs, valid)
            d_loss_fake = self.discriminator.train_on_batch(gen_imgs, fake)
            d_loss = 0.5 * np.add(d_loss_real, d_loss_fake)
            g_loss = self.combined.train_on_batch(noise, valid)
            losses.append([float(d_loss[0]), float(g_loss)])
        return losses


results = {"losses": GAN().train(4)}
