"""Normalization beside tf.keras: values, gradients, and how the moving statistics move."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from compat_tests.processes import check_python
from torchkeras import layers, models

ROWS = [
    ("BatchNormalization", {}, (4, 3)),
    ("BatchNormalization", {}, (4, 5, 3)),
    ("BatchNormalization", {}, (4, 3, 5, 2)),
    ("BatchNormalization", {}, (2, 2, 3, 2, 4)),
    ("BatchNormalization", dict(axis=[1]), (4, 3, 5, 2)),
    ("BatchNormalization", dict(axis=1), (4, 5, 3)),
    ("BatchNormalization", dict(scale=False), (4, 3)),
    ("BatchNormalization", dict(center=False), (4, 3, 5, 2)),
    ("BatchNormalization", dict(scale=False, center=False, epsilon=0.1), (4, 3, 5, 2)),
    ("BatchNormalization", dict(gamma_regularizer="l2", beta_constraint="non_neg"), (4, 3)),
    ("BatchNormalization", dict(axis=[1, 3], gamma_regularizer="l2"), (4, 3, 5, 2)),
    ("BatchNormalization", dict(renorm=True), (4, 3)),
    (
        "BatchNormalization",
        dict(renorm=True, renorm_clipping={"rmax": 2.0}, renorm_momentum=0.9, center=False),
        (4, 3, 2),
    ),
    ("LayerNormalization", {}, (4, 5)),
    ("LayerNormalization", dict(epsilon=1e-6), (4, 3, 5)),
    ("LayerNormalization", dict(axis=[1, 2]), (4, 3, 5)),
    ("LayerNormalization", dict(axis=1), (4, 3, 5)),
    ("LayerNormalization", dict(axis=[1, 3]), (2, 3, 2, 5)),
    ("LayerNormalization", dict(scale=False), (4, 5)),
    ("LayerNormalization", dict(center=False), (4, 5)),
    ("LayerNormalization", dict(scale=False, center=False), (4, 5)),
    ("GroupNormalization", dict(groups=2), (2, 3, 3, 4)),
    ("GroupNormalization", dict(groups=4, axis=1), (2, 4, 3, 3)),
    ("GroupNormalization", dict(groups=1, scale=False), (2, 5, 4)),
    ("GroupNormalization", dict(groups=2, center=False, scale=False), (3, 4)),
    ("UnitNormalization", {}, (3, 4)),
    ("UnitNormalization", dict(axis=[1, 2]), (2, 3, 4)),
]


@pytest.mark.parametrize("name, config, shape", ROWS)
def test_beside_keras(name, config, shape):
    """The axes are given as a built layer writes them; see the next test for the others."""
    if name in ("BatchNormalization", "LayerNormalization"):
        axis = config.get("axis", -1)
        axis = axis if isinstance(axis, list) else [axis % len(shape)]
        config = {**config, "axis": axis}
    check_layer(name, config, shape, atol=2e-5)


WRITTEN = [
    ("BatchNormalization", {}, (4, 3, 5, 2)),
    ("BatchNormalization", dict(axis=-2), (4, 3, 5, 2)),
    ("LayerNormalization", {}, (4, 5)),
    ("LayerNormalization", dict(axis=[-2, -1]), (4, 3, 5)),
    ("GroupNormalization", dict(groups=-1), (2, 3, 4)),
    ("UnitNormalization", dict(axis=-1), (2, 3)),
]


@pytest.mark.parametrize("name, config, shape", WRITTEN)
def test_building_settles_axes_and_groups_in_the_config(name, config, shape):
    def both(layer, inputs):
        new = layer.get_config()
        layer(inputs)
        built = layer.get_config()
        return [[one.get("axis"), one.get("groups")] for one in (new, built)]

    zeros = np.zeros(shape, "float32")
    expected = oracle.ask(lambda keras: both(getattr(keras.layers, name)(**config), zeros))
    assert both(getattr(layers, name)(**config), torch.tensor(zeros)) == expected


def _adjust(shape):
    """A scale and a shift, from the shape of the batch."""
    size = float(shape[-1])
    return 1.0 + 1.0 / size, 0.5


TRAINED = [
    ({}, (4, 3), None),
    ({}, (4, 5, 3), None),
    ({}, (4, 3, 5, 2), None),
    ({}, (2, 2, 3, 2, 4), None),
    (dict(axis=1), (4, 3, 5, 2), None),
    (dict(axis=1), (2, 3, 2, 2, 4), None),
    (dict(axis=2), (4, 3, 5, 2), None),
    (dict(axis=1), (4, 5, 3), None),
    (dict(fused=False), (4, 3, 5, 2), None),
    (dict(momentum=0.0), (4, 3), None),
    (dict(epsilon=1e-7, scale=False), (4, 3, 3, 2), None),
    (dict(center=False), (4, 5, 3), None),
    (dict(dtype="float64"), (4, 3, 5, 2), None),
    ({}, (1, 3), None),
    ({}, (1, 1, 1, 3), None),
    ({}, (2, 3, 4), [[True, True, False], [False, True, False]]),
    (dict(center=False), (4, 3), [True, False, True, True]),
    (dict(axis=[1, 2]), (4, 3, 2, 2), None),
    (dict(axis=[-1, 1], scale=False), (4, 3, 2), [[True, True, False]] * 4),
    (dict(axis=[1, 3], renorm=True), (4, 3, 2, 2), None),
    (dict(renorm=True), (4, 3, 5, 2), None),
    (dict(renorm=True, renorm_momentum=0.5, center=False), (4, 3), None),
    (dict(renorm=True, renorm_clipping={"rmin": 0.9, "rmax": 1.1, "dmax": 0.5}), (4, 3, 2), None),
    (dict(virtual_batch_size=2), (6, 3), None),
    (dict(virtual_batch_size=3, scale=False), (6, 2, 2, 3), None),
    (dict(virtual_batch_size=2, axis=[1], renorm=True), (4, 3, 2), None),
    (dict(adjustment=_adjust), (4, 3), None),
    (dict(adjustment=_adjust, scale=False, renorm=True), (4, 3, 2), None),
    (dict(synchronized=True), (4, 3, 5, 2), None),
]


@pytest.mark.parametrize("config, shape, mask", TRAINED)
def test_batches_in_training_beside_keras(config, shape, mask):
    """Two steps: outputs, gradients of inputs and weights, moving statistics."""
    config = {"momentum": 0.8, **config}
    rng = np.random.default_rng(len(shape))
    batches = [rng.normal(2.0, 3.0, shape).astype(config.get("dtype", "float32")) for _ in range(2)]
    toward = rng.normal(size=shape).astype(batches[0].dtype)

    def ask(keras):
        import tensorflow as tf

        layer = keras.layers.BatchNormalization(**config)
        answers = []
        for batch in batches:
            x = tf.constant(batch)
            with tf.GradientTape() as tape:
                tape.watch(x)
                kept = None if mask is None else tf.constant(mask)
                y = layer(x, training=True, mask=kept)
                loss = tf.reduce_sum(y * toward)
            gradients = tape.gradient(loss, [x, *layer.trainable_variables])
            answers.append([y, gradients, layer.get_weights()])
        return answers

    layer = layers.BatchNormalization(**config)
    for batch, (outputs, gradients, weights) in zip(batches, oracle.ask(ask), strict=True):
        x = torch.tensor(batch, requires_grad=True)
        kept = {} if mask is None else {"mask": torch.tensor(mask)}
        y = layer(x, training=True, **kept)
        native = [w.native[0] for w in layer.trainable_weights]
        got = torch.autograd.grad((y * torch.tensor(toward)).sum(), [x, *native])
        np.testing.assert_allclose(y.detach(), outputs, rtol=1e-4, atol=2e-5)
        for one, other in zip(got, gradients, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
        for one, other in zip(layer.get_weights(), weights, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_frozen_means_inference():
    layer = layers.BatchNormalization()
    x = torch.randn(8, 3)
    layer(x, training=True)
    before = layer.get_weights()
    layer.trainable = False
    frozen = layer(x, training=True)
    torch.testing.assert_close(frozen, layer(x, training=False))
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    layer.train()
    assert layer.training and not layer.norm.training
    layer.trainable = True
    assert layer.norm.training


def test_frozen_means_inference_in_fit_too():
    layer = layers.BatchNormalization(trainable=False)
    model = models.Sequential([layers.Input((3,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.arange(12, dtype="float32").reshape(4, 3), np.ones((4, 1), "float32")
    expected = model.evaluate(x, y, verbose=0)
    assert model.train_on_batch(x, y) == pytest.approx(expected)
    assert not layer.moving_mean.numpy().any()


def test_a_subclass_has_its_own_arguments():
    class Frozen(layers.BatchNormalization):
        def call(self, inputs, training=None):
            return super().call(inputs, training=False)

    class Turned(layers.BatchNormalization):
        def call(self, inputs, training=None):
            return super().call(inputs, training=not training)

    x = torch.randn(8, 3)
    for layer, moves in ((Frozen(), False), (Turned(), True)):
        layer(x)
        assert bool(layer.moving_mean.numpy().any()) == moves
        assert layer(x, training=True).shape == x.shape and not layer.training


def test_statistics_move_only_in_training():
    layer = layers.BatchNormalization()
    x = torch.randn(8, 3) + 5
    layer(x)
    assert layer.moving_mean.numpy().tolist() == [0.0, 0.0, 0.0]
    layer.train()
    layer(x)
    assert (layer.moving_mean.numpy() > 0.04).all()
    assert not layer(x, training=False).requires_grad or layer.training


def test_native_module_and_what_keras_does_not_see():
    layer = layers.BatchNormalization(scale=False)
    layer.build((None, 4, 4, 2))
    layer._finish_build()
    assert type(layer.norm) is nn.BatchNorm2d
    assert layer.norm.num_batches_tracked == 0
    assert [w.name.split("/")[1] for w in layer.weights] == [
        "beta:0",
        "moving_mean:0",
        "moving_variance:0",
    ]
    assert layer.norm.weight.tolist() == [1.0, 1.0] and not layer.norm.weight.requires_grad
    layer.trainable = True
    assert not layer.norm.weight.requires_grad


@pytest.mark.parametrize("shape", [(6, 3), (6, 4, 3), (6, 4, 4, 3)])
def test_two_calls_before_one_backward(shape):
    """A shared layer moves its statistics twice; autograd must not mind."""
    layer = layers.BatchNormalization()
    x = torch.randn(shape, requires_grad=True)
    (layer(x, training=True) + layer(2 * x, training=True)).square().sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_float32_weights(dtype):
    layer = layers.BatchNormalization(dtype=str(dtype).split(".")[1])
    outputs = layer(torch.randn(8, 4, 4, 3, dtype=dtype), training=True)
    assert outputs.dtype is dtype
    assert layer.gamma.dtype == "float32"


def test_memory_stays_channels_last():
    layer = layers.BatchNormalization()
    assert layer(torch.randn(2, 4, 4, 3), training=True).is_contiguous()


ERRORS = [
    ("BatchNormalization", dict(axis="last"), (2, 3), "axis"),
    ("BatchNormalization", dict(axis=2), (2, 3), "axis"),
    ("BatchNormalization", dict(fused=True), (2, 3), "fused"),
    ("BatchNormalization", dict(renorm=True, fused=True), (2, 3), "renorm"),
    ("BatchNormalization", dict(renorm=True, renorm_clipping={"max": 1}), (2, 3), "max"),
    ("BatchNormalization", dict(virtual_batch_size=0), (2, 3), "virtual_batch_size"),
    ("BatchNormalization", dict(virtual_batch_size=2, axis=[0]), (2, 3), "virtual"),
    ("BatchNormalization", dict(virtual_batch_size=2, adjustment=max), (2, 3), "adjustment"),
    ("BatchNormalization", dict(synchronized=True, fused=True), (2, 3), "synchronized"),
    ("LayerNormalization", dict(axis=[2, 1]), (2, 3, 4), "ascending"),
    ("LayerNormalization", dict(axis=[1, 1]), (2, 3, 4), "axis"),
    ("GroupNormalization", dict(groups=3), (2, 4), "groups=3"),
    ("UnitNormalization", dict(axis=1.5), (2, 4), "axis"),
]


@pytest.mark.parametrize("name, config, shape, told", ERRORS)
def test_errors_name_what_is_wrong(name, config, shape, told):
    with pytest.raises((ValueError, TypeError), match=told):
        getattr(layers, name)(**config)(torch.zeros(shape))


def test_open_axes_are_refused():
    with pytest.raises(ValueError, match="must be known"):
        layers.BatchNormalization()(layers.Input((None,)))


def test_virtual_batches_must_divide_the_batch():
    layer = layers.BatchNormalization(virtual_batch_size=2)
    layer(torch.randn(3, 2))
    with pytest.raises(ValueError, match="divide the batch; received 3"):
        layer(torch.randn(3, 2), training=True)


def test_an_adjustment_is_left_out_of_the_config():
    layer = layers.BatchNormalization(adjustment=_adjust)
    with pytest.warns(UserWarning, match="adjustment"):
        assert "adjustment" not in layer.get_config()


SHARED = """
import sys, numpy as np, torch, torch.distributed as dist
from torchkeras import layers
rank, store = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
part = slice(0, 2) if rank == 0 else slice(2, 5)
found = {}
for number, config in enumerate(eval(sys.argv[3])):
    layer = layers.BatchNormalization(synchronized=True, momentum=0.5, **config)
    x = torch.arange(60.0).reshape(5, 4, 3).sin()[part].requires_grad_()
    y = layer(x, training=True)
    (y * torch.arange(60.0).reshape(5, 4, 3).cos()[part]).sum().backward()
    values = [y.detach(), x.grad, layer.norm.weight.grad, *layer.get_weights()[2:]]
    found |= {f"{number} {key}": np.asarray(value) for key, value in enumerate(values)}
np.savez(f"{store}.{rank}.npz", **found)
dist.destroy_process_group()
"""


def test_synchronized_processes_normalize_as_one(tmp_path):
    """Two processes with 2 and 3 samples get what one process gets for all 5."""
    (tmp_path / "shared.py").write_text(SHARED)
    configs = [{}, {"axis": [1, 2]}, {"renorm": True}]
    with ThreadPoolExecutor() as pool:
        run = partial(check_python, "shared.py", cwd=tmp_path)
        list(pool.map(lambda rank: run(rank, tmp_path / "store", configs), range(2)))
    processes = [np.load(tmp_path / f"store.{rank}.npz") for rank in range(2)]
    for number, config in enumerate(configs):
        x = torch.arange(60.0).reshape(5, 4, 3).sin().requires_grad_()
        layer = layers.BatchNormalization(momentum=0.5, **config)
        y = layer(x, training=True)
        (y * torch.arange(60.0).reshape(5, 4, 3).cos()).sum().backward()
        values = [y.detach(), x.grad, layer.norm.weight.grad, *layer.get_weights()[2:]]
        for key, value in enumerate(values):
            found = [process[f"{number} {key}"] for process in processes]
            if key < 2:  # each process has the samples it was given
                found = [np.concatenate(found)]
            elif key == 2:  # as data parallel training adds them
                found = [sum(found)]
            for one in found:
                np.testing.assert_allclose(one, value, rtol=1e-4, atol=1e-5)


def test_sync_batch_normalization_is_synchronized():
    layer = layers.experimental.SyncBatchNormalization(momentum=0.5)
    assert layer.synchronized and "synchronized" not in layer.get_config()
    same = layers.deserialize(layers.serialize(layer))
    assert type(same) is layers.experimental.SyncBatchNormalization and same.momentum == 0.5
