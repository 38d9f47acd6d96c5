"""Dtype policies and loss scaling, beside tf.keras."""

import copy
import json
import pickle
import threading

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from compat_tests import oracle
from compat_tests.test_no_sync import reads
from torchkeras import Model, Sequential, layers, mixed_precision, models, policies
from torchkeras.layer import Layer

HALF = {"mixed_float16": torch.float16, "mixed_bfloat16": torch.bfloat16}


@pytest.fixture(autouse=True)
def float32_again():
    yield
    mixed_precision.set_global_policy(None)


def described(keras, policy):
    """What layers made under a global policy say of their dtypes."""
    keras.backend.clear_session()
    keras.mixed_precision.set_global_policy(policy)
    try:
        make = keras.layers
        told = [str(keras.mixed_precision.global_policy())]
        for layer in (
            make.Dense(2),
            make.Dense(2, dtype="float32"),
            make.Dense(2, dtype="mixed_bfloat16"),
            make.Dense(2, dtype=keras.mixed_precision.Policy("mixed_float16")),
            make.LSTM(2),
            make.Embedding(3, 2),
            make.Bidirectional(make.GRU(2)),
            make.BatchNormalization(),
            make.Activation("relu", dtype="float64"),
            keras.Sequential([make.Dense(2)]),
        ):
            told.append([layer.dtype, layer.compute_dtype, layer.variable_dtype])
            told.append(layer.dtype_policy.name)
            config = layer.get_config()
            told.append(json.loads(json.dumps(config.get("dtype"))))
        x = make.Input((3,))
        y = make.Dense(2)(x)
        z = make.Softmax(dtype="float32")(y)
        told += [np.dtype(str(getattr(t.dtype, "name", t.dtype))).name for t in (x, z)]
        told.append(getattr(y.dtype, "name", y.dtype))
        told.append(keras.metrics.Mean().dtype)
        return told
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16", "float64"])
def test_what_layers_say(policy):
    assert described(torchkeras, policy) == oracle.ask(lambda keras: described(keras, policy))


def trained(keras, policy, optimizer, build):
    """Losses, predictions and dtypes of a short training from given weights."""
    keras.backend.clear_session()
    keras.mixed_precision.set_global_policy(policy)
    try:
        model, x, y, loss = build(keras)
        rng = np.random.default_rng(0)
        model.set_weights(
            [
                np.ones(w.shape) if "variance" in v.name else rng.normal(0, 0.3, w.shape)
                for v, w in zip(model.weights, model.get_weights(), strict=True)
            ]
        )
        make = {"adam": keras.optimizers.Adam(0.01), "sgd": keras.optimizers.SGD(0.05)}
        model.compile(make[optimizer], loss, metrics=["mae"])
        history = model.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0).history
        scale = float(np.asarray(getattr(model.optimizer, "loss_scale", 0.0)))
        outputs = model.predict(x, verbose=0).astype("float32")
        kept = [str(getattr(w.dtype, "name", w.dtype)) for w in model.weights]
        return {"history": history, "outputs": outputs, "kept": kept, "scale": scale}
    finally:
        keras.mixed_precision.set_global_policy("float32")


def images(keras):
    make, rng = keras.layers, np.random.default_rng(1)
    x = make.Input((8, 8, 3))
    y = make.Conv2D(4, 3, activation="relu")(x)
    y = make.MaxPooling2D()(make.BatchNormalization()(y))
    y = make.Dense(8, activation="tanh", kernel_regularizer="l2")(make.Flatten()(y))
    y = make.Activation("softmax", dtype="float32")(make.Dense(3)(y))
    labels = np.eye(3, dtype="float32")[rng.integers(0, 3, 32)]
    return keras.Model(x, y), rng.normal(size=(32, 8, 8, 3)), labels, "categorical_crossentropy"


def texts(keras):
    make, rng = keras.layers, np.random.default_rng(2)
    model = keras.Sequential(
        [
            make.Embedding(20, 6, input_length=7),
            make.LayerNormalization(),
            make.GRU(4),
            make.Dense(1, dtype="float32"),
        ]
    )
    return model, rng.integers(0, 20, (32, 7)), rng.normal(size=(32, 1)), "mse"


def attention(keras):
    make, rng = keras.layers, np.random.default_rng(3)
    x = make.Input((6, 4))
    y = make.MultiHeadAttention(2, 3)(x, x)
    y = make.Dense(1, dtype="float32")(make.GlobalAveragePooling1D()(make.Add()([x, y])))
    return keras.Model(x, y), rng.normal(size=(32, 6, 4)), rng.normal(size=(32, 1)), "mse"


def half_to_the_end(keras):
    make, rng = keras.layers, np.random.default_rng(4)
    model = keras.Sequential([make.Dense(8, activation="relu", input_shape=(5,)), make.Dense(2)])
    return model, rng.normal(size=(32, 5)), rng.normal(size=(32, 2)), "mse"


@pytest.mark.parametrize(
    "policy, build, optimizer",
    [
        ("mixed_float16", images, "adam"),
        ("mixed_float16", texts, "sgd"),
        ("mixed_float16", attention, "adam"),
        ("mixed_float16", half_to_the_end, "sgd"),
        ("mixed_bfloat16", images, "sgd"),
        ("mixed_bfloat16", half_to_the_end, "adam"),
        ("float64", attention, "adam"),
    ],
)
def test_trains_as_tf_keras_does(policy, build, optimizer):
    wanted = oracle.ask(lambda keras: trained(keras, policy, optimizer, build))
    found = trained(torchkeras, policy, optimizer, build)
    assert found["kept"] == wanted["kept"] and found["scale"] == wanted["scale"]
    close = {"mixed_float16": 5e-3, "mixed_bfloat16": 5e-2, "float64": 1e-5}[policy]
    for name, values in wanted["history"].items():
        np.testing.assert_allclose(found["history"][name], values, rtol=close, atol=close)
    np.testing.assert_allclose(found["outputs"], wanted["outputs"], rtol=close, atol=close)


class Scale(Layer):
    def build(self, input_shape):
        self.scale = self.add_weight("scale", (input_shape[-1],), initializer="ones")
        self.seen = self.add_weight("seen", (), initializer="zeros", trainable=False)
        self.exact = self.add_weight("exact", (), "float32", "ones", experimental_autocast=False)
        self.plain = nn.Linear(input_shape[-1], 2)

    def call(self, inputs):
        self.seen.assign_add(1.0)
        self.inside = [inputs.dtype, self.scale.value.dtype, self.seen.value.dtype]
        self.inside += [self.exact.value.dtype, self.plain.weight.dtype]
        return self.plain(inputs * self.scale)


@pytest.mark.parametrize("policy", HALF)
def test_a_users_layer_reads_its_weights_in_16_bits(policy):
    half = HALF[policy]
    layer = Scale(dtype=policy)
    for count in (1, 2):
        output = layer(torch.ones(2, 3))
        assert layer.inside == [half, half, half, torch.float32, half] and output.dtype is half
        assert layer.seen.numpy() == count
    assert {w.dtype for w in layer.weights} == {"float32"}
    output.float().sum().backward()
    assert layer.plain.weight.grad.dtype is torch.float32
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(other(torch.ones(2, 3)), output)
    layer.half()
    assert layer.dtype == layer.compute_dtype == "float16"
    assert layer(torch.ones(2, 3)).dtype is torch.float16


def test_a_failed_call_leaves_the_weights():
    class Fails(Scale):
        def call(self, inputs):
            raise RuntimeError("no")

    layer = Fails(dtype="mixed_float16")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no"):
            layer(torch.ones(2, 3))
    assert layer.plain.weight.dtype is torch.float32 and layer._reads_as is None


def test_calls_from_several_threads():
    layer = layers.Dense(8, dtype="mixed_bfloat16")
    wanted, failed = layer(torch.ones(4, 3)), []

    def call():
        for _ in range(50):
            if not torch.equal(layer(torch.ones(4, 3)), wanted):
                failed.append(1)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and layer.linear.weight.dtype is torch.float32


def test_inputs_are_cast_where_dtypes_change():
    x = layers.Input((3,))
    half = layers.Dense(4, dtype="mixed_float16")(x)
    double = layers.Dense(4, dtype="float64")(half)
    as_it_comes = layers.Activation("relu", autocast=False)(double)
    model = Model(x, [half, double, as_it_comes])
    found = [output.dtype for output in model(np.ones((2, 3)))]
    assert found == [torch.float16, torch.float64, torch.float64]
    assert [str(output.dtype) for output in (half, double)] == ["float16", "float64"]


def test_compiles_whole():
    layer = layers.Dense(4, dtype="mixed_bfloat16")
    wanted = layer(torch.ones(2, 3))
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(torch.ones(2, 3)), wanted)
    assert layer.linear.weight.dtype is torch.float32


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "Policy", "config": {"name": "mixed_float16"}},
        {"class_name": "PolicyV1", "config": {"name": "mixed_float16", "loss_scale": "auto"}},
        {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}},
    ],
)
def test_policies_in_configs_of_all_years(config):
    layer = layers.Dense.from_config({"units": 2, "dtype": config})
    assert layer.dtype_policy == policies.Policy("mixed_float16")


def test_files_hold_policies_and_the_loss_scale(tmp_path):
    mixed_precision.set_global_policy("mixed_float16")
    model = half_to_the_end(torchkeras)[0]
    model.compile("adam", "mse")
    model.fit(np.ones((8, 5)), np.ones((8, 2)), verbose=0)
    mixed_precision.set_global_policy(None)
    model.save(tmp_path / "model.h5")
    other = models.load_model(tmp_path / "model.h5")
    assert other.layers[0].dtype_policy.name == "mixed_float16"
    assert isinstance(other.optimizer, mixed_precision.LossScaleOptimizer)
    assert int(other.optimizer.iterations) == 1
    for ours, theirs in zip(other.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: mixed_precision.Policy("half_mixed"), ValueError, "half_mixed"),
        (lambda: mixed_precision.set_global_policy("int32"), ValueError, "int32"),
        (lambda: layers.Dense(2, dtype="flot32"), ValueError, "flot32"),
        (lambda: layers.Dense(2, dtype={"class_name": "x"}), ValueError, "policy"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- loss scaling -----------------------------------------------------------------------------

GRADIENTS = [1.0, 2.0, np.inf, 0.5, 0.25, 1.0, np.nan, -np.inf, 1.0, 2.0, 3.0, 1.0]


def scaled(keras, make, **settings):
    """Scale, counter, steps and variables after each of some gradients, finite or not."""
    import tensorflow as tf

    variables = [tf.Variable([1.0, 2.0]), tf.Variable(3.0)]
    return _followed(keras, make, variables, settings)


def _followed(keras, make, variables, settings):
    optimizer = keras.mixed_precision.LossScaleOptimizer(make(keras.optimizers), **settings)
    found = []
    for value in GRADIENTS:
        grads = [np.array([value, 1.0], "float32"), np.array(0.5, "float32")]
        optimizer.apply_gradients(list(zip(map(_tensor_of(keras), grads), variables, strict=True)))
        counter = optimizer.dynamic_counter
        found.append(
            [
                float(np.asarray(optimizer.loss_scale)),
                -1 if counter is None else int(np.asarray(counter)),
                int(np.asarray(optimizer.iterations.numpy())),
                np.asarray(variables[0].numpy()).tolist(),
                float(np.asarray(variables[1].numpy())),
            ]
        )
    return found


def _tensor_of(keras):
    if keras is torchkeras:
        return torch.tensor
    import tensorflow as tf

    return tf.constant


RULES = {
    "SGD": lambda o: o.SGD(0.1, momentum=0.5),
    "Adam": lambda o: o.Adam(0.1),
    "AdamW": lambda o: o.AdamW(0.1),
    "Adam with averages": lambda o: o.Adam(0.1, use_ema=True),
    "RMSprop": lambda o: o.RMSprop(0.1, weight_decay=0.01),
    "legacy Adam": lambda o: o.legacy.Adam(0.1),
}


SETTINGS = {
    "RMSprop": {"initial_scale": 2.0, "dynamic_growth_steps": 3},
    "AdamW": {},
}


@pytest.mark.parametrize("rule", RULES)
def test_the_scale_follows_the_gradients(rule):
    settings = SETTINGS.get(rule, {"dynamic_growth_steps": 2})
    wanted = oracle.ask(lambda keras: scaled(keras, RULES[rule], **settings))
    values = [np.array([1.0, 2.0], "float32"), np.array(3.0, "float32")]
    variables = [torchkeras.layer.Variable(value) for value in values]
    found = _followed(torchkeras, RULES[rule], variables, settings)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours[:3] == theirs[:3]
        np.testing.assert_allclose(ours[3], theirs[3], rtol=1e-5)
        np.testing.assert_allclose(ours[4], theirs[4], rtol=1e-5)


def test_every_way_to_step():
    make = torchkeras.optimizers.SGD
    w = [nn.Parameter(torch.tensor(1.0)) for _ in range(4)]
    optimizers = [mixed_precision.LossScaleOptimizer(make(0.25)) for _ in w]
    optimizers[0].minimize(lambda: w[0] ** 2, [w[0]])
    optimizers[1].build([w[1]])
    optimizers[1].get_scaled_loss(w[1] ** 2).backward()
    optimizers[1].step()
    (grad,) = torch.autograd.grad(optimizers[2].get_scaled_loss(w[2] ** 2), [w[2]])
    assert grad.item() == 2.0**16
    (grad,) = optimizers[2].get_unscaled_gradients([grad])
    optimizers[2].apply_gradients([(grad, w[2])])
    pairs = optimizers[3].compute_gradients(lambda: w[3] ** 2, [w[3]])
    optimizers[3].apply_gradients(pairs)
    assert [p.item() for p in w] == [0.5] * 4
    for optimizer in optimizers:
        optimizer.learning_rate = 0.5
        assert optimizer.inner_optimizer.lr == 0.5 and int(optimizer.iterations) == 1


def test_a_torch_optimizer_is_scaled_too():
    w = nn.Parameter(torch.tensor([1.0]))
    optimizer = mixed_precision.LossScaleOptimizer(
        torchkeras.optimizers.get(lambda parameters: torch.optim.SGD(parameters, lr=0.25))
    )
    optimizer.minimize(lambda: (w**2).sum(), [w])
    assert w.item() == 0.5
    optimizer.minimize(lambda: (w * torch.inf).sum(), [w])
    assert w.item() == 0.5 and optimizer.loss_scale.item() == 2.0**14


@pytest.mark.parametrize("make", ["Adam", "SGD"])
def test_configs_and_copies(make):
    optimizer = mixed_precision.LossScaleOptimizer(
        getattr(torchkeras.optimizers, make)(0.5), initial_scale=8.0
    )
    again = torchkeras.optimizers.deserialize(torchkeras.optimizers.serialize(optimizer))
    for other in (again, copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert other.get_config() == optimizer.get_config()
        assert isinstance(other, torchkeras.optimizers.Optimizer) and other.initial_scale == 8.0


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": {"class_name": "SGD", "config": {}}, "loss_scale": 4.0},
        {
            "optimizer": {"class_name": "SGD", "config": {}},
            "loss_scale": {
                "class_name": "DynamicLossScale",
                "config": {"initial_loss_scale": 4, "increment_period": 5, "multiplier": 2.0},
            },
        },
    ],
)
def test_configs_before_tensorflow_2_4(settings):
    config = {"class_name": "LossScaleOptimizer", "config": settings}
    optimizer = torchkeras.optimizers.deserialize(config)
    assert optimizer.initial_scale == 4.0 and optimizer.dynamic_growth_steps in (None, 5)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"dynamic": False}, "initial_scale"),
        ({"dynamic": False, "initial_scale": 2, "dynamic_growth_steps": 3}, "growth_steps"),
        ({"dynamic": 1}, "dynamic"),
    ],
)
def test_arguments_that_do_not_fit(settings, message):
    inner = torchkeras.optimizers.SGD()
    with pytest.raises((TypeError, ValueError), match=message):
        mixed_precision.LossScaleOptimizer(inner, **settings)
    for wrong in ("sgd", mixed_precision.LossScaleOptimizer(inner)):
        with pytest.raises(TypeError):
            mixed_precision.LossScaleOptimizer(wrong)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_a_step_reads_nothing(optimizer):
    mixed_precision.set_global_policy("mixed_float16")
    model = Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(1, dtype="float32")])
    model.compile(optimizer, "mse")
    x, y = np.ones((320, 3)), np.ones((320, 1))
    model.fit(x[:32], y[:32], verbose=0)
    few = reads(lambda: model.fit(x[:32], y[:32], verbose=0))
    assert reads(lambda: model.fit(x, y, verbose=0)) == few > 0


def test_the_names_of_tensorflow_2_0():
    old = mixed_precision.experimental
    old.set_policy(old.Policy("mixed_float16"))
    assert old.global_policy().name == old.get_layer_policy(layers.Dense(1)).name == "mixed_float16"
    assert old.LossScaleOptimizer(torchkeras.optimizers.SGD(), 8).initial_scale == 8.0
    with pytest.raises(ValueError, match="loss_scale"):
        old.Policy("float32", loss_scale=3)
