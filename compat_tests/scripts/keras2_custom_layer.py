"""Layers with build, call, compute_output_shape and get_config."""

import numpy as np
from keras import backend as K
from keras import initializers
from keras.layers import Dense, Input, Layer
from keras.models import Model


class MyDense(Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super(MyDense, self).__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[1], self.output_dim),
            initializer="uniform",
            trainable=True,
        )
        self.scale = self.add_weight(
            name="scale", shape=(1,), initializer=initializers.Constant(2.0)
        )
        super(MyDense, self).build(input_shape)

    def call(self, x):
        return K.dot(x, self.kernel) * self.scale

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        config = super().get_config()
        config.update({"output_dim": self.output_dim})
        return config


class Attention(Layer):
    def build(self, input_shape):
        self.W = self.add_weight(shape=(input_shape[-1], 1), initializer="glorot_uniform", name="W")
        self.b = self.add_weight(shape=(input_shape[1], 1), initializer="zeros", name="b")
        super().build(input_shape)

    def call(self, x):
        e = K.tanh(K.dot(x, self.W) + self.b)
        a = K.softmax(e, axis=1)
        return K.sum(x * a, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


rng = np.random.RandomState(0)
x, y = rng.rand(40, 5, 3).astype("float32"), rng.rand(40, 2)
inp = Input((5, 3))
model = Model(inp, Dense(2)(MyDense(4)(Attention()(inp))))
model.compile("adam", "mse")
history = model.fit(x, y, epochs=3, batch_size=10, shuffle=False, verbose=0)
copy = Model.from_config(
    model.get_config(), custom_objects={"MyDense": MyDense, "Attention": Attention}
)
copy.set_weights(model.get_weights())
results = {
    "loss": history.history["loss"],
    "same": bool(np.allclose(copy.predict(x, verbose=0), model.predict(x, verbose=0))),
}
