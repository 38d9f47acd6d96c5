"""`GradientTape` beside TensorFlow's: the same program with both."""

import numpy as np
import pytest
import torch

import torchkeras as keras
import torchkeras.shim.tensorflow as ours
from compat_tests import oracle
from compat_tests.shim.test_tensorflow import _with, compare
from torchkeras.shim.tape import GradientTape

X = np.random.default_rng(3).normal(size=(4, 3)).astype("float32")
W = np.random.default_rng(4).normal(size=(3, 2)).astype("float32")


def watched(tf):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.exp(x) * x)
    return tape.gradient(y, x)


def variables(tf):
    w, b = tf.Variable(W), tf.Variable([0.5, 1.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(tf.matmul(X, w) + b))
    return tape.gradient(loss, [w, b])


def nested_structures(tf):
    w, b = tf.Variable(W), tf.Variable([0.5, 1.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.matmul(X, w) * b)
    return tape.gradient(loss, {"w": w, "rest": [b, {"again": w}]})


def persistent(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
        z = y * y
    return [tape.gradient(y, v), tape.gradient(z, v), tape.gradient(z, y)]


def intermediate(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
        z = tf.sin(y)
    return tape.gradient(z, [y, v])


def second_order(tf):
    x = tf.constant(3.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
        slope = inner.gradient(y, x)
    return [slope, outer.gradient(slope, x)]


def third_order(tf):
    v = tf.Variable(2.0)
    with tf.GradientTape() as third:
        with tf.GradientTape() as second:
            with tf.GradientTape() as first:
                y = v**5
            one = first.gradient(y, v)
        two = second.gradient(one, v)
    return [one, two, third.gradient(two, v)]


def gradient_penalty(tf):
    w, x = tf.Variable(W), tf.constant(X)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(x)
            score = tf.reduce_sum(tf.tanh(tf.matmul(x, w)), axis=1)
        slopes = inner.gradient(score, x)
        penalty = tf.reduce_mean((tf.norm(slopes, axis=1) - 1.0) ** 2)
    return outer.gradient(penalty, w)


def several_targets(tf):
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        targets = [v * v, v * 3.0]
    return tape.gradient(targets, v)


def output_gradients(tf):
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = v * v
    return tape.gradient(y, v, output_gradients=tf.constant([10.0, 0.1]))


def unconnected(tf):
    v, other = tf.Variable([1.0, 2.0]), tf.Variable([[3.0]])
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
    zero = tape.gradient(y, other, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [tape.gradient(y, other) is None, zero]


def not_watched(tf):
    x, v = tf.constant(2.0), tf.Variable(3.0, trainable=False)
    with tf.GradientTape(persistent=True) as tape:
        y = x * v
    return [tape.gradient(y, x) is None, tape.gradient(y, v) is None]


def only_what_is_watched(tf):
    v, u = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * v * u
    slopes = tape.gradient(y, [v, u])
    return [slopes[0], slopes[1] is None]


def recorded_before_it_starts(tf):
    v = tf.Variable(2.0)
    y = v * v
    with tf.GradientTape() as tape:
        z = y * v
    return tape.gradient(z, v)


def stopped(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
        with tape.stop_recording():
            factor = v * 100.0
        z = y * factor
    return tape.gradient(z, v)


def stop_gradient(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * tf.stop_gradient(v * v)
    return tape.gradient(y, v)


def reset(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
        tape.reset()
        z = v * v * v
    return [tape.gradient([z], v)] if y is not None else None


def jacobian(tf):
    x = tf.constant(X[0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.linalg.matvec(tf.transpose(tf.constant(W)), x) ** 2
    return tape.jacobian(y, x)


def jacobians_of_variables(tf):
    w, b = tf.Variable(W), tf.Variable([0.5, 1.0])
    with tf.GradientTape() as tape:
        y = tf.sigmoid(tf.matmul(X, w) + b)
    return tape.jacobian(y, [w, b])


def batch_jacobian(tf):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.matmul(x * x, tf.constant(W))
    return tape.batch_jacobian(y, x)


def control_flow(tf):
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = v
        for _ in range(3):
            y = y * v if y < 5 else y + v
    return tape.gradient(y, v)


def custom(tf):
    @tf.custom_gradient
    def clipped(x):
        def backward(upstream):
            return upstream * 0.5

        return tf.identity(x) * 3.0, backward

    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = clipped(v * v)
    return [y, tape.gradient(y, v)]


def indexing(tf):
    v = tf.Variable(X)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.gather(v, [0, 0, 2]) ** 2) + v[1, 1]
    return tf.convert_to_tensor(tape.gradient(y, v))


def layer(tf):
    dense = tf.keras.layers.Dense(2, activation="tanh")
    dense.build((None, 3))
    dense.set_weights([W, np.array([0.1, 0.2], "float32")])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(dense(X) ** 2)
    return tape.gradient(loss, dense.trainable_variables)


def training_loop(tf):
    model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))])
    model.set_weights([W, np.zeros(2, "float32")])
    optimizer = tf.keras.optimizers.Adam(0.1)
    loss_of = tf.keras.losses.MeanSquaredError()
    metric = tf.keras.metrics.Mean()

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        slopes = tape.gradient(loss, model.trainable_variables)
        pairs = zip(slopes, model.trainable_variables, strict=True)
        optimizer.apply_gradients(pairs)
        metric.update_state(loss)
        return loss

    losses = [step(X, X[:, :2]) for _ in range(5)]
    return [*losses, metric.result(), *model.get_weights()]


def minimized(tf):
    v = tf.Variable([2.0, -1.0])
    optimizer = tf.keras.optimizers.legacy.SGD(0.1)
    for _ in range(3):
        optimizer.minimize(lambda: tf.reduce_sum(v * v), var_list=[v])
    return v.numpy()


def _two_layers(tf):
    first, second = tf.Variable(W), tf.Variable([[1.0, -1.0], [0.5, 2.0]])
    optimizer = tf.keras.optimizers.SGD(0.5)
    return (
        first,
        second,
        optimizer,
        lambda: tf.tanh(tf.matmul(tf.tanh(tf.matmul(X, first)), second)),
    )


def updated_between_gradients(tf):
    first, second, optimizer, run = _two_layers(tf)
    with tf.GradientTape(persistent=True) as tape:
        y = run()
        one, two = tf.reduce_mean(y**2), tf.reduce_mean(tf.abs(y))
    variables = [first, second]
    optimizer.apply_gradients(zip(tape.gradient(one, variables), variables, strict=True))
    return [*tape.gradient(two, variables), first.numpy()]


def updated_between_tapes(tf):
    first, second, optimizer, run = _two_layers(tf)
    with tf.GradientTape() as tape, tf.GradientTape() as other:
        y = run()
        one, two = tf.reduce_mean(y**2), tf.reduce_mean(tf.abs(y))
    variables = [first, second]
    optimizer.apply_gradients(zip(tape.gradient(one, variables), variables, strict=True))
    return other.gradient(two, variables)


PROGRAMS = [
    watched, variables, nested_structures, persistent, intermediate, second_order, third_order,
    gradient_penalty, several_targets, output_gradients, unconnected, not_watched,
    only_what_is_watched, recorded_before_it_starts, stopped, stop_gradient, reset, jacobian,
    jacobians_of_variables, batch_jacobian, control_flow, custom, indexing, layer, training_loop,
    minimized, updated_between_gradients, updated_between_tapes,
]  # fmt: skip


@pytest.fixture
def as_in_the_shim():
    """Nothing is recorded outside of tapes."""
    with torch.no_grad():
        yield


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_program(program, as_in_the_shim):
    def real(keras):
        import tensorflow as tf

        return program(_with(tf, keras))

    compare(program(ours), oracle.ask(real), program.__name__)


def test_a_tape_gives_gradients_once():
    v = ours.Variable(1.0)
    with GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match="non-persistent"):
        tape.gradient(y, v)


def test_watched_tensors_are_given_back():
    x = torch.ones(3)
    with torch.no_grad():
        with GradientTape() as tape:
            tape.watch(x)
            y = x * x
        assert not x.requires_grad and torch.is_grad_enabled() is False
        assert tape.gradient(y, x).tolist() == [2, 2, 2] and not x.requires_grad


def test_train_step_with_a_tape():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, y = data
            with GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            slopes = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(slopes, self.trainable_variables, strict=True))
            return {"loss": loss}

    model = Model()
    model.compile("sgd", "mse")
    history = model.fit(X, X[:, :1], epochs=3, verbose=0).history["loss"]
    assert history[2] < history[0]


@pytest.mark.parametrize("wrong", ["text", None])
def test_only_tensors_are_watched(wrong):
    with pytest.raises(ValueError, match="no tensor"):
        GradientTape().watch(wrong)
