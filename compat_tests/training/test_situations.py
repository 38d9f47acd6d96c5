"""What people do around `fit`, run as one script body under tf.keras and torchkeras: equal names,
and losses, metrics and final weights within 1e-4."""

import warnings

import numpy as np
import pytest

import torchkeras
from compat_tests.checks.model import fill
from compat_tests.checks.situations import (
    BINARY,
    CLASSES,
    FIT,
    IMAGES,
    ONE_HOT,
    PAIRS,
    SERIES,
    TOKENS,
    WEIGHTS,
    X,
    Y,
    apply,
    check_situation,
    compiled,
    mean,
    mlp,
    number,
    recording,
    told,
)

SITUATIONS = {}


def situation(function):
    SITUATIONS[function.__name__] = function
    return function


@pytest.mark.parametrize("name", SITUATIONS)
def test_as_tf_keras(name):
    check_situation(SITUATIONS[name])


def test_there_are_forty():
    assert len(SITUATIONS) >= 40


# --- steps of one's own ------------------------------------------------------------------------


@situation
def gan(keras):
    """Two optimizers, two losses, one train_step."""
    layers = keras.layers

    class GAN(keras.Model):
        def __init__(self, discriminator, generator):
            super().__init__()
            self.discriminator, self.generator = discriminator, generator

        def compile(self, d_optimizer, g_optimizer, loss_fn, **kwargs):
            super().compile(**kwargs)
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

        def train_step(self, data):
            real, noise = data
            zeros, ones = np.zeros((8, 1), "float32"), np.ones((8, 1), "float32")
            with recording(keras) as tape:
                d_loss = self.loss_fn(ones, self.discriminator(real, training=True))
                fake = self.generator(noise, training=True)
                d_loss = d_loss + self.loss_fn(zeros, self.discriminator(fake, training=True))
            variables = self.discriminator.trainable_variables
            apply(keras, tape, d_loss, self.d_optimizer, variables)
            with recording(keras) as tape:
                judged = self.discriminator(self.generator(noise, training=True))
                g_loss = self.loss_fn(ones, judged)
            apply(keras, tape, g_loss, self.g_optimizer, self.generator.trainable_variables)
            return {"d_loss": d_loss, "g_loss": g_loss}

    judge = keras.Sequential([layers.Dense(4, "tanh", input_shape=(5,)), layers.Dense(1)])
    maker = keras.Sequential([layers.Dense(5, input_shape=(2,))])
    fill(judge, 1)
    fill(maker, 2)
    model = GAN(judge, maker)
    make = keras.optimizers
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    eager = keras is not torchkeras
    model.compile(make.Adam(0.01), make.SGD(0.1), loss, run_eagerly=eager)
    return told(judge, model.fit(X, PAIRS, **FIT), maker=maker.get_weights())


@situation
def vae_with_trackers(keras):
    """A sampling layer, trackers of one's own, `metrics` overridden."""
    layers = keras.layers

    class VAE(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential([layers.Dense(4, input_shape=(5,))])
            self.decoder = keras.Sequential([layers.Dense(5, input_shape=(2,))])
            self.total = keras.metrics.Mean(name="loss")
            self.kl = keras.metrics.Mean(name="kl_loss")

        @property
        def metrics(self):
            return [self.total, self.kl]

        def train_step(self, data):
            x, noise = data
            exp = keras.backend.exp
            with recording(keras) as tape:
                code = self.encoder(x)
                location, scale = code[:, :2], code[:, 2:]
                rebuilt = self.decoder(location + exp(0.5 * scale) * noise)
                rebuilding = mean(keras, (x - rebuilt) ** 2)
                kl = -0.5 * mean(keras, 1 + scale - location**2 - exp(scale))
                loss = rebuilding + kl
            apply(keras, tape, loss, self.optimizer, self.trainable_weights)
            self.total.update_state(loss)
            self.kl.update_state(kl)
            return {m.name: m.result() for m in self.metrics}

    model = VAE()
    fill(model.encoder, 1)
    fill(model.decoder, 2)
    model.compile("adam", run_eagerly=keras is not torchkeras)
    return told(model.encoder, model.fit(X, PAIRS, **FIT), more=model.decoder.get_weights())


@situation
def vae_with_add_loss(keras):
    """A functional model whose loss is added, `compile` without one."""
    layers, k = keras.layers, keras.backend
    inputs, noise = keras.Input((5,)), keras.Input((2,))
    location, scale = layers.Dense(2)(inputs), layers.Dense(2)(inputs)
    sample = layers.Lambda(lambda z: z[0] + k.exp(0.5 * z[1]) * z[2])([location, scale, noise])
    outputs = layers.Dense(5)(sample)
    model = keras.Model([inputs, noise], outputs)
    kl = layers.Lambda(lambda z: -0.5 * k.mean(1 + z[1] - k.square(z[0]) - k.exp(z[1])))
    model.add_loss(kl([location, scale]))
    rebuilt = layers.Lambda(lambda z: k.mean(k.square(z[0] - z[1])))
    model.add_loss(rebuilt([inputs, outputs]))
    compiled(keras, model, "rmsprop")
    return told(model, model.fit([X, PAIRS], **FIT), result=model.evaluate([X, PAIRS], verbose=0))


@situation
def compiled_loss_and_metrics(keras):
    """The train_step of the Keras 2 guides."""

    class Custom(keras.Model):
        def train_step(self, data):
            x, y = data
            with recording(keras) as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            apply(keras, tape, loss, self.optimizer, self.trainable_variables)
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    inputs = keras.Input((5,))
    outputs = keras.layers.Dense(1, kernel_regularizer="l2")(inputs)
    model = compiled(keras, Custom(inputs, outputs), "sgd", "mse", metrics=["mae"])
    history = model.fit(X, Y, validation_data=(X[:6], Y[:6]), **FIT)
    return told(model, history, names=model.metrics_names)


@situation
def loss_by_hand_and_compiled_metrics(keras):
    """No compiled loss is asked for, so none is reported."""

    class Custom(keras.Model):
        def train_step(self, data):
            x, y = data
            with recording(keras) as tape:
                y_pred = self(x, training=True)
                loss = mean(keras, (y - y_pred) ** 2)
            apply(keras, tape, loss, self.optimizer, self.trainable_variables)
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    inputs = keras.Input((5,))
    model = Custom(inputs, keras.layers.Dense(1)(inputs))
    compiled(keras, model, "adam", metrics=["mae", "mse"])
    return told(model, model.fit(X, Y, **FIT), names=model.metrics_names)


@situation
def step_that_names_no_mode(keras):
    """In a step of the user's, a model that is just called is in inference; a default speaks."""

    class Marked(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.norm = keras.layers.BatchNormalization()

        def call(self, x, training=True):
            return self.norm(x) + (1.0 if training else 0.0)

    class Custom(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.seen = keras.metrics.Mean(name="seen")
            self.marked = Marked()

        def train_step(self, data):
            x, y = data
            with recording(keras) as tape:
                y_pred = self(x)
                loss = mean(keras, (y - y_pred) ** 2)
            apply(keras, tape, loss, self.optimizer, self.trainable_variables)
            self.seen.update_state(self.marked(x))
            return {"loss": loss, "seen": self.seen.result()}

        def test_step(self, data):
            self.seen.update_state(self.marked(data[0]))
            self.seen.update_state(self.marked(data[0], training=False))
            return {"seen": self.seen.result()}

    inputs = keras.Input((5,))
    hidden = keras.layers.Dropout(0.9)(keras.layers.BatchNormalization()(inputs))
    model = Custom(inputs, keras.layers.Dense(1)(hidden))
    compiled(keras, model, "sgd")
    history = model.fit(X, Y, validation_data=(X[:6], Y[:6]), **FIT)
    return told(model.layers[1], history, more=model.marked.get_weights())


@situation
def default_of_training(keras):
    """`training=True` as a default holds where nothing else is said, not in fit's own steps."""

    class Marked(keras.layers.Layer):
        def call(self, x, training=True):
            return x + (1.0 if training else 0.0)

    class Custom(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x, training=True):
            return self.dense(x) + (1.0 if training else 0.0)

    model = Custom()
    alone = [model(X), model(X, training=False)]
    fill(model, 1)
    compiled(keras, model, "sgd", "mse")
    history = model.fit(X, Y, validation_data=(X, Y), **FIT)
    apart = keras.backend.get_value(mean(keras, alone[0] - alone[1]))
    inside = keras.Sequential([keras.Input((5,)), Marked()])(X, training=False)
    apart = [apart, keras.backend.get_value(mean(keras, inside))]
    return told(model, history, apart=apart, predicted=model.predict(X, verbose=0))


@situation
def own_tracker(keras):
    """A metric as attribute is among `metrics`, and set to zero each epoch."""

    class Custom(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.tracker = keras.metrics.Mean(name="loss")
            self.others = [keras.metrics.MeanAbsoluteError(name="mae")]

        def train_step(self, data):
            x, y = data
            with recording(keras) as tape:
                y_pred = self(x, training=True)
                loss = mean(keras, (y - y_pred) ** 2)
            apply(keras, tape, loss, self.optimizer, self.trainable_variables)
            self.tracker.update_state(loss)
            self.others[0].update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    inputs = keras.Input((5,))
    model = Custom(inputs, keras.layers.Dense(1)(inputs))
    compiled(keras, model, "sgd")
    history = model.fit(X, Y, **FIT)
    return told(model.layers[1], history, names=model.metrics_names)


@situation
def own_loss_and_metrics(keras):
    """`compute_loss` and `compute_metrics` overridden."""

    class Custom(keras.Model):
        def compute_loss(self, x, y, y_pred, sample_weight):
            return mean(keras, (y - y_pred) ** 2) + 0.1 * mean(keras, x**2)

        def compute_metrics(self, x, y, y_pred, sample_weight):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            results["constant"] = 3.0
            return results

    inputs = keras.Input((5,))
    model = Custom(inputs, keras.layers.Dense(1)(inputs))
    compiled(keras, model, "sgd", metrics=["mae"])
    return told(model, model.fit(X, Y, **FIT))


@situation
def own_test_and_predict_step(keras):
    class Custom(keras.Model):
        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            self.compiled_loss(y, y_pred)
            return {"twice": 2 * self.compiled_loss.metrics[0].result()}

        def predict_step(self, data):
            x = data[0] if isinstance(data, tuple) else data
            return {"y": self(x), "z": self(x) * 2}

    inputs = keras.Input((5,))
    model = Custom(inputs, keras.layers.Dense(1)(inputs))
    compiled(keras, model, "sgd", "mse")
    history = model.fit(X, Y, validation_data=(X, Y), **FIT)
    predicted = model.predict(X, batch_size=7, verbose=0)
    result = model.evaluate(X, Y, batch_size=10, verbose=0)
    return told(model, history, predicted=predicted, result=result)


@situation
def own_functions(keras):
    """make_train_function, make_test_function and make_predict_function overridden."""

    class Custom(keras.Model):
        def make_train_function(self, force=False):
            def twice(iterator):
                data = next(iterator)
                self.train_step(data)
                return self.train_step(data)

            return twice

        def make_test_function(self, force=False):
            return lambda iterator: {**self.test_step(next(iterator)), "more": 1.0}

        def make_predict_function(self, force=False):
            return lambda iterator: -self.predict_step(next(iterator))

    inputs = keras.Input((5,))
    model = Custom(inputs, keras.layers.Dense(1)(inputs))
    compiled(keras, model, "sgd", "mse")
    history = model.fit(X, Y, validation_data=(X, Y), **FIT)
    loss = model.train_on_batch(X, Y)
    return told(model, history, loss=loss, predicted=model.predict(X, 10, verbose=0))


@situation
def loop_by_hand(keras):
    model, optimizer = mlp(keras), keras.optimizers.Adam(0.02)
    fill(model)
    losses, metric = [], keras.metrics.MeanAbsoluteError()
    loss_fn = keras.losses.MeanSquaredError()
    for start in [0, 8, 16] * 2:
        x, y = X[start : start + 8], Y[start : start + 8]
        with recording(keras) as tape:
            y_pred = model(x, training=True)
            loss = loss_fn(y, y_pred)
        apply(keras, tape, loss, optimizer, model.trainable_weights)
        metric.update_state(y, y_pred)
        losses.append(float(number(loss)))
    return told(model, {"loss": losses, "mae": [float(metric.result())]})


@situation
def on_batches(keras):
    model = compiled(keras, mlp(keras), "sgd", "mse", metrics=["mae"])
    results = [model.train_on_batch(X[:8], Y[:8]), model.test_on_batch(X, Y)]
    results += [model.train_on_batch(X[8:], Y[8:], reset_metrics=False, sample_weight=WEIGHTS[8:])]
    named = model.test_on_batch(X, Y, sample_weight=WEIGHTS, return_dict=True)
    return told(model, {"all": results}, named, out=model.predict_on_batch(X[:3]))


# --- forms of models ---------------------------------------------------------------------------


@situation
def nested_subclasses(keras):
    layers = keras.layers

    class Block(layers.Layer):
        def __init__(self, sizes):
            super().__init__()
            self.stack = [layers.Dense(n, activation="relu") for n in sizes]
            self.gate = {"a": layers.Dense(sizes[-1])}

        def call(self, x):
            y = x
            for layer in self.stack:
                y = layer(y)
            return y + self.gate["a"](x)

    class Inner(keras.Model):
        def __init__(self):
            super().__init__()
            self.block = Block([4, 3])

        def call(self, inputs, training=None):
            return self.block(inputs)

    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = Inner()
            self.head = layers.Dense(1)

        def call(self, inputs, training=None):
            return self.head(self.inner(inputs))

    model = Outer()
    model(X[:1])
    compiled(keras, model, "sgd", "mse")
    return told(model, model.fit(X, Y, **FIT), shapes=[list(w.shape) for w in model.weights])


@situation
def hybrid(keras):
    """A subclass that hands a graph to `Model.__init__`."""

    class Hybrid(keras.Model):
        def __init__(self, units):
            inputs = keras.Input((5,))
            super().__init__(inputs, keras.layers.Dense(units)(inputs))
            self.extra = 3

    model = compiled(keras, Hybrid(1), "adam", "mae")
    return told(model, model.fit(X, Y, **FIT), extra=model.extra)


@situation
def dict_inputs_and_outputs(keras):
    layers = keras.layers

    class Named(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = layers.Dense(1), layers.Dense(3, activation="softmax")

        def call(self, inputs):
            x = layers.concatenate([inputs["left"], inputs["right"]])
            return {"size": self.a(x), "kind": self.b(x)}

    model = Named()
    data = {"left": X, "right": PAIRS}
    model({key: value[:1] for key, value in data.items()})
    loss = {"size": "mse", "kind": "sparse_categorical_crossentropy"}
    compiled(keras, model, "sgd", loss, metrics={"kind": "acc", "size": ["mae"]})
    history = model.fit(data, {"size": Y, "kind": CLASSES}, **FIT)
    return told(model, history, predicted=model.predict(data, verbose=0))


@situation
def loss_of_a_layer(keras):
    """fit without a compiled loss: a layer adds one in its call."""

    class Penalty(keras.layers.Layer):
        def call(self, x):
            self.add_loss(mean(keras, x**2))
            return x

    inputs = keras.Input((5,))
    outputs = Penalty()(keras.layers.Dense(2)(inputs))
    model = compiled(keras, keras.Model(inputs, outputs), "sgd")
    return told(model, model.fit(X, **FIT), result=model.evaluate(X, verbose=0))


@situation
def loss_per_sample_of_a_layer(keras):
    """What a layer adds may have a value per sample: their mean is told, their sum trained."""

    class Penalty(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.backend.sum(x**2, axis=-1, keepdims=True))
            return x

    inputs = keras.Input((5,))
    outputs = Penalty()(keras.layers.Dense(2)(inputs))
    model = compiled(keras, keras.Model(inputs, outputs), keras.optimizers.SGD(1e-4))
    return told(model, model.fit(X, **FIT), result=model.evaluate(X, verbose=0))


@situation
def metric_of_a_layer(keras):
    class Counts(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seen = keras.metrics.Mean(name="seen")

        def call(self, x):
            self.seen.update_state(x)
            return x

    inputs = keras.Input((5,))
    model = keras.Model(inputs, Counts()(keras.layers.Dense(1)(inputs)))
    compiled(keras, model, "sgd", "mse", metrics=["mae"])
    return told(model, model.fit(X, Y, **FIT), names=model.metrics_names)


@situation
def added_metrics(keras):
    """`add_metric` in a layer's call and on a functional model."""

    class Tells(keras.layers.Layer):
        def call(self, x):
            self.add_metric(mean(keras, x), name="mean_output")
            return x

    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(2)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(Tells()(hidden)))
    square = keras.layers.Lambda(lambda z: keras.backend.mean(keras.backend.square(z)))
    model.add_metric(square(hidden), name="energy", aggregation="mean")
    compiled(keras, model, "sgd", "mse", metrics=["mae"])
    history = model.fit(X, Y, validation_split=0.25, **FIT)
    return told(model, history, names=model.metrics_names, result=model.evaluate(X, Y, verbose=0))


@situation
def two_outputs_one_without_loss(keras):
    inputs = keras.Input((5,))
    a, b = keras.layers.Dense(1, name="a")(inputs), keras.layers.Dense(3, name="b")(inputs)
    model = keras.Model(inputs, [a, b])
    compiled(keras, model, "sgd", ["mse", None], metrics=[["mae"], []])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No gradients for b/kernel")
        history = model.fit(X, [Y, ONE_HOT], **FIT)
        model.fit(X, Y, **FIT)  # the only loss there is
    return told(model, history, result=model.evaluate(X, [Y, ONE_HOT], verbose=0))


@situation
def outputs_of_one_layer(keras):
    """The names of two outputs of the same layer are told apart by _1."""
    one, two, shared = keras.Input((5,)), keras.Input((5,)), keras.layers.Dense(1, name="out")
    model = keras.Model([one, two], [shared(one), shared(two)])
    compiled(keras, model, "sgd", "mse", metrics=["mae"], loss_weights=[1.0, 0.5])
    history = model.fit([X, X[::-1]], [Y, Y], **FIT)
    return told(model, history, names=model.metrics_names)


@situation
def siamese(keras):
    """Contrastive training of a shared encoder."""
    layers, k = keras.layers, keras.backend
    encoder = keras.Sequential([layers.Dense(4, "tanh", input_shape=(5,)), layers.Dense(2)])
    left, right = keras.Input((5,)), keras.Input((5,))
    apart = layers.Lambda(lambda z: k.sqrt(k.sum(k.square(z[0] - z[1]), 1, keepdims=True) + 1e-6))
    model = keras.Model([left, right], apart([encoder(left), encoder(right)]))

    def contrastive(y_true, y_pred):
        far = k.maximum(1.0 - y_pred, 0.0)
        return k.mean(y_true * k.square(y_pred) + (1.0 - y_true) * k.square(far))

    compiled(keras, model, "rmsprop", contrastive, metrics=[contrastive])
    return told(model, model.fit([X, X[::-1].copy()], BINARY, **FIT))


@situation
def transfer(keras):
    """Train, freeze, put a new head on, compile again, then free everything."""
    base = compiled(keras, mlp(keras, 4, "relu"), "sgd", "mse")
    first = base.fit(X, np.repeat(Y, 4, 1), **FIT)
    base.trainable = False
    inputs = keras.Input((5,))
    head = keras.layers.Dense(1, kernel_initializer="ones")
    model = keras.Model(inputs, head(base(inputs, training=False)))
    eager = keras is not torchkeras
    model.compile("adam", "mse", run_eagerly=eager)
    second = model.fit(X, Y, **FIT)
    frozen = len(model.trainable_weights)
    base.trainable = True
    model.compile(keras.optimizers.Adam(1e-3), "mse", run_eagerly=eager)
    return told(model, first, second, model.fit(X, Y, **FIT), frozen=frozen)


@situation
def some_layers_frozen(keras):
    model = mlp(keras)
    model.layers[0].trainable = False
    compiled(keras, model, keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "mse")
    return told(model, model.fit(X, Y, **FIT), names=len(model.trainable_weights))


@situation
def autoencoder(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Conv2D(
                3, 3, strides=2, padding="same", activation="relu", input_shape=(6, 6, 2)
            ),
            layers.Conv2DTranspose(2, 3, strides=2, padding="same"),
        ]
    )
    compiled(keras, model, "adagrad", "mse", metrics=["mse"])
    return told(model, model.fit(IMAGES, IMAGES, **FIT))


@situation
def normalized(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Conv2D(3, 3, use_bias=False, input_shape=(6, 6, 2)),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.LayerNormalization(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    compiled(keras, model, "sgd", "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(IMAGES, ONE_HOT, validation_split=0.25, **FIT)
    return told(model, history)


@situation
def attention(keras):
    layers = keras.layers
    inputs = keras.Input((6, 3))
    x = layers.MultiHeadAttention(2, 2)(inputs, inputs)
    x = layers.GlobalMaxPooling1D()(layers.Add()([inputs, x]))
    model = keras.Model(inputs, layers.Dense(1)(x))
    compiled(keras, model, "sgd", "huber")
    return told(model, model.fit(SERIES, Y, **FIT))


@situation
def text(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Embedding(12, 4, input_length=7),
            layers.Conv1D(3, 3, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    compiled(keras, model, "adam", "binary_crossentropy", metrics=["accuracy", "AUC"])
    return told(model, model.fit(TOKENS, BINARY, **FIT))


@situation
def masked_series(keras):
    """A mask, one label and one weight a time step."""
    layers = keras.layers
    x = SERIES.copy()
    x[:, 4:] = 0
    model = keras.Sequential(
        [
            layers.Masking(input_shape=(6, 3)),
            layers.LSTM(4, return_sequences=True),
            layers.TimeDistributed(layers.Dense(1)),
        ]
    )
    compiled(keras, model, "sgd", "mse", metrics=["mae"], weighted_metrics=["mae"])
    y, weight = SERIES[:, :, :1].copy(), np.abs(SERIES[:, :, 0])
    return told(model, model.fit(x, y, sample_weight=weight, **FIT))


@situation
def stateful(keras):
    layers = keras.layers
    model = keras.Sequential(
        [layers.GRU(3, stateful=True, batch_input_shape=(8, 6, 3)), layers.Dense(1)]
    )
    compiled(keras, model, "sgd", "mse")
    histories = []
    for _ in range(2):
        histories.append(model.fit(SERIES, Y, 8, 1, verbose=0, shuffle=False))
        model.reset_states()
    return told(model, *histories, predicted=model.predict(SERIES, 8, verbose=0))


# --- losses, metrics, weights ------------------------------------------------------------------


@situation
def metrics_of_every_form(keras):
    k = keras.backend

    def closeness(y_true, y_pred):
        return k.mean(k.abs(y_true - y_pred))

    class Largest(keras.metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.best = self.add_weight(name="best", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.best.assign(k.maximum(self.best, k.max(k.abs(y_pred))))

        def result(self):
            return self.best

    model = mlp(keras, 1, "sigmoid")
    metrics = [
        "acc",
        "mae",
        closeness,
        Largest(),
        keras.metrics.Precision(name="p"),
        keras.metrics.Recall(thresholds=0.4),
        keras.metrics.AUC(num_thresholds=20, name="auc"),
        keras.metrics.binary_crossentropy,
    ]
    compiled(keras, model, "sgd", keras.losses.BinaryCrossentropy(label_smoothing=0.1), metrics)
    result = model.evaluate(X, BINARY, verbose=0, return_dict=True)
    history = model.fit(X, BINARY, validation_data=(X[:9], BINARY[:9]), **FIT)
    return told(model, history, result, names=model.metrics_names)


@situation
def own_loss_class(keras):
    class Pinball(keras.losses.Loss):
        def __init__(self, tau, **kwargs):
            super().__init__(**kwargs)
            self.tau = tau

        def call(self, y_true, y_pred):
            error = y_true - y_pred
            both = keras.backend.maximum(self.tau * error, (self.tau - 1) * error)
            return keras.backend.mean(both, axis=-1)

    model = compiled(keras, mlp(keras), "sgd", Pinball(0.8, reduction="sum", name="pinball"))
    return told(model, model.fit(X, Y, sample_weight=WEIGHTS, **FIT))


@situation
def logits(keras):
    model = mlp(keras, 3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compiled(keras, model, "sgd", loss, metrics=["accuracy", "sparse_categorical_crossentropy"])
    return told(model, model.fit(X, CLASSES, **FIT))


@situation
def class_weights(keras):
    model = mlp(keras, 3, "softmax")
    compiled(keras, model, "sgd", "categorical_crossentropy", metrics=["acc"])
    weights = {0: 0.5, 1: 2.0, 2: 1.0}
    return told(model, model.fit(X, ONE_HOT, class_weight=weights, **FIT))


@situation
def sample_weights(keras):
    """In training, in validation, in evaluation; plain and weighted metrics of one name."""
    model = mlp(keras)
    compiled(keras, model, "sgd", "mse", metrics=["mae"], weighted_metrics=["mae", "mse"])
    data = (X[:10], Y[:10], WEIGHTS[:10])
    history = model.fit(X, Y, sample_weight=WEIGHTS, validation_data=data, **FIT)
    result = model.evaluate(X, Y, 10, 0, sample_weight=WEIGHTS, return_dict=True)
    return told(model, history, result)


@situation
def penalties_and_constraints(keras):
    reg, con = keras.regularizers, keras.constraints
    model = mlp(
        keras,
        kernel_regularizer=reg.L1L2(0.01, 0.02),
        bias_regularizer="l1",
        activity_regularizer=reg.L2(0.01),
        kernel_constraint=con.MaxNorm(0.8),
        bias_constraint="non_neg",
    )
    compiled(keras, model, keras.optimizers.SGD(0.2), "mse")
    return told(model, model.fit(X, Y, **FIT), result=model.evaluate(X, Y, verbose=0))


# --- optimizers --------------------------------------------------------------------------------


@situation
def clipping(keras):
    results = []
    for argument in ("clipnorm", "clipvalue", "global_clipnorm"):
        optimizer = keras.optimizers.SGD(0.5, **{argument: 0.05})
        model = compiled(keras, mlp(keras), optimizer, "mse")
        results.append(model.fit(X, Y, **FIT))
    return told(model, *results)


@situation
def averaged_weights(keras):
    results = []
    for settings in ({}, {"ema_overwrite_frequency": 2}):
        optimizer = keras.optimizers.SGD(0.3, use_ema=True, ema_momentum=0.7, **settings)
        model = compiled(keras, mlp(keras), optimizer, "mse")
        results.append(model.fit(X, Y, **FIT, validation_split=0.25))
        results.append({"w": [float(np.sum(w)) for w in model.get_weights()]})
    return told(model, *results)


@situation
def schedules(keras):
    make = keras.optimizers.schedules
    results = []
    for rate in (
        make.ExponentialDecay(0.3, 2, 0.5, staircase=True),
        make.PiecewiseConstantDecay([2, 4], [0.3, 0.1, 0.01]),
        make.CosineDecay(0.3, 5),
    ):
        model = compiled(keras, mlp(keras), keras.optimizers.SGD(rate), "mse")
        results.append(model.fit(X, Y, **FIT))
    return told(model, *results)


@situation
def rates_by_callbacks(keras):
    """The scheduler first, then plateaus: the logs have 'lr'."""
    make = keras.callbacks
    model = compiled(keras, mlp(keras), keras.optimizers.SGD(0.2), "mse")
    callbacks = [
        make.LearningRateScheduler(lambda epoch, lr: lr * 0.9),
        make.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=10.0, cooldown=1),
    ]
    fit = {**FIT, "epochs": 5}
    return told(model, model.fit(X, Y, callbacks=callbacks, **fit))


@situation
def weight_decay(keras):
    model = compiled(keras, mlp(keras), keras.optimizers.AdamW(0.05, weight_decay=0.1), "mse")
    return told(model, model.fit(X, Y, **FIT))


# --- runs --------------------------------------------------------------------------------------


@situation
def steps_per_execution(keras):
    """Callbacks are called once for several batches; the last execution may be short."""
    seen = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(["begin", batch])

        def on_train_batch_end(self, batch, logs=None):
            seen.append(["end", batch, round(float(logs["loss"]), 4)])

        def on_test_batch_end(self, batch, logs=None):
            seen.append(["test", batch])

        def on_predict_batch_end(self, batch, logs=None):
            seen.append(["predict", batch, list(logs["outputs"].shape)])

    model = compiled(keras, mlp(keras), "sgd", "mse", metrics=["mae"], steps_per_execution=3)
    fit = {**FIT, "batch_size": 5}
    history = model.fit(X, Y, callbacks=[Note()], validation_data=(X, Y), **fit)
    out = model.predict(X, 5, verbose=0, callbacks=[Note()])
    return told(model, history, seen=seen, out=out)


@situation
def early_stopping(keras):
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    model = compiled(keras, mlp(keras), keras.optimizers.SGD(0.8), "mse")
    fit = {**FIT, "epochs": 12}
    history = model.fit(X, Y, validation_split=0.3, callbacks=[stop], **fit)
    return told(model, history, epochs=history.epoch, stopped=stop.stopped_epoch)


@situation
def validation_now_and_then(keras):
    model = compiled(keras, mlp(keras), "sgd", "mse", metrics=["mae"])
    fit = {**FIT, "epochs": 5}
    one = model.fit(X, Y, validation_split=0.25, validation_freq=2, **fit)
    two = model.fit(X, Y, validation_data=(X[:9], Y[:9]), validation_freq=[1, 4], **fit)
    return told(model, one, two, epochs=one.epoch)


@situation
def generators(keras):
    def batches():
        while True:
            for start in (0, 8, 16):
                yield X[start : start + 8], Y[start : start + 8], WEIGHTS[start : start + 8]

    model = compiled(keras, mlp(keras), "sgd", "mse", weighted_metrics=["mae"])
    one = model.fit(
        batches(), steps_per_epoch=4, epochs=2, verbose=0, 
        validation_data=batches(), validation_steps=3,
    )  # fmt: skip
    result = model.evaluate(batches(), steps=3, verbose=0)
    return told(model, one, result=result, out=model.predict(batches(), steps=2, verbose=0))


@situation
def old_generator_methods(keras):
    def batches():
        while True:
            yield X[:8], Y[:8]

    model = compiled(keras, mlp(keras), "sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one = model.fit_generator(batches(), 3, 2, verbose=0)
        result = model.evaluate_generator(batches(), 2)
        out = model.predict_generator(batches(), 2)
    return told(model, one, result=result, out=out)


@situation
def sequences(keras):
    class Batches(keras.utils.Sequence):
        def __init__(self):
            self.order = [0, 8, 16]

        def __len__(self):
            return 3

        def __getitem__(self, index):
            start = self.order[index]
            return X[start : start + 8], Y[start : start + 8]

        def on_epoch_end(self):
            self.order = self.order[::-1]

    model = compiled(keras, mlp(keras), "sgd", "mse")
    return told(model, model.fit(Batches(), epochs=3, verbose=0, shuffle=False))


@situation
def a_run_in_two_parts(keras):
    """`initial_epoch`: the optimizer goes on; a second fit's history is its own."""
    model = compiled(keras, mlp(keras), "adam", "mse")
    one = model.fit(X, Y, **FIT)
    fit = {**FIT, "epochs": 4}
    two = model.fit(X, Y, initial_epoch=2, **fit)
    return told(model, one, two, epochs=[one.epoch, two.epoch])


@situation
def few_steps_of_arrays(keras):
    model = compiled(keras, mlp(keras), "sgd", "mse")
    one = model.fit(X, Y, 5, 2, 0, shuffle=False, steps_per_epoch=2)
    result = model.evaluate(X, Y, 5, 0, steps=2)
    return told(model, one, result=result, out=model.predict(X, 5, 0, steps=3))


@situation
def callbacks_that_act(keras):
    """A callback of a third party: looks at logs, params and the model, changes weights, stops."""

    class Acts(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seen = [self.params["epochs"], self.params["steps"]]

        def on_epoch_end(self, epoch, logs=None):
            logs = logs or {}
            self.seen += [sorted(logs), len(self.model.layers)]
            layer = self.model.layers[0]
            layer.set_weights([w * 0.5 for w in layer.get_weights()])
            self.model.stop_training = epoch == 2

    acts = Acts()
    model = compiled(keras, mlp(keras), "sgd", "mse", metrics=["mae"])
    fit = {**FIT, "epochs": 6}
    history = model.fit(X, Y, callbacks=[acts], **fit)
    return told(model, history, seen=acts.seen)
