"""Multi-head attention beside tf.keras: values, gradients, masks, names, configs."""

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from compat_tests import oracle
from compat_tests.checks.model import describe, fill
from torchkeras import layers, tree

BASE = dict(num_heads=2, key_dim=3)
QUERY, VALUE = (2, 3, 4), (2, 5, 6)
SCORES = dict(return_attention_scores=True)
CAUSAL = dict(use_causal_mask=True)
rng = np.random.default_rng(1)
PAIRS = rng.integers(0, 2, (2, 3, 5)).astype(bool)
PAIRS[0, 0] = False  # a query that may look nowhere
WIDE = rng.integers(0, 2, (2, 3, 5, 3, 5)).astype(bool)

ROWS = [
    ({}, [QUERY, VALUE], {}),
    ({}, [QUERY, VALUE, (2, 5, 7)], {}),
    (dict(value_dim=5, use_bias=False), [QUERY, VALUE], SCORES),
    (dict(output_shape=7), [QUERY, VALUE], CAUSAL),
    (dict(output_shape=(2, 7)), [QUERY, VALUE], SCORES | CAUSAL),
    (dict(dropout=0.5), [QUERY, VALUE], dict(attention_mask=PAIRS)),
    ({}, [QUERY, VALUE], dict(attention_mask=PAIRS) | SCORES),
    ({}, [QUERY, VALUE], dict(attention_mask=PAIRS.astype("float32"))),
    ({}, [QUERY, VALUE], dict(attention_mask=PAIRS[:, :1]) | CAUSAL),
    (dict(kernel_regularizer="l2", bias_constraint="non_neg"), [QUERY, VALUE], {}),
    (dict(activity_regularizer="l2"), [QUERY, VALUE], {}),
    (dict(kernel_initializer="he_normal", bias_initializer="ones"), [QUERY, VALUE], {}),
    ({}, [(2, 3, 5, 4), (2, 3, 5, 6)], SCORES),
    (dict(attention_axes=2), [(2, 3, 5, 4), (2, 3, 6, 6)], SCORES),
    (dict(attention_axes=(2,)), [(2, 3, 5, 4), (2, 3, 6, 6)], {}),
    (dict(attention_axes=1), [(2, 3, 5, 4), (2, 7, 5, 6)], CAUSAL),
    (dict(attention_axes=(2, 3)), [(2, 2, 3, 5, 4)] * 2, SCORES),
    (
        {},
        [(2, 3, 5, 4), (2, 3, 5, 6)],
        dict(attention_mask=WIDE | np.eye(15).reshape(3, 5, 3, 5).astype(bool)),
    ),
]


def arrays(shapes):
    rng = np.random.default_rng(sum(map(sum, shapes)))
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def toward(outputs):
    rng = np.random.default_rng(7)
    return [rng.normal(size=tuple(o.shape)).astype("float32") for o in outputs]


@pytest.mark.parametrize("config, shapes, call", ROWS)
def test_beside_keras(config, shapes, call):
    config = {**BASE, **config}

    def ask(keras):
        import tensorflow as tf

        keras.backend.clear_session()
        layer = keras.layers.MultiHeadAttention(**config)
        inputs = [tf.constant(array) for array in arrays(shapes)]
        layer(*inputs)
        fill(layer)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = tf.nest.flatten(layer(*inputs, **call))
            total = sum(tf.reduce_sum(o * f) for o, f in zip(outputs, toward(outputs), strict=True))
        gradients = tape.gradient(total, inputs + layer.trainable_weights)
        described = layer.get_config()
        described.pop("softmax_robust_masking", None)  # newer than 2.15
        return {
            "outputs": outputs,
            "gradients": [tf.convert_to_tensor(g) for g in gradients],
            "names": [w.name for w in layer.weights],
            "shapes": [list(w.shape) for w in layer.weights],
            "losses": [float(loss) for loss in layer.losses],
            "config": tree.map_structure(str, plain(described)),
        }

    expected = oracle.ask(ask)
    torchkeras.backend.clear_session()
    layer = layers.MultiHeadAttention(**config)
    inputs = [torch.tensor(array, requires_grad=True) for array in arrays(shapes)]
    layer(*inputs)
    fill(layer)
    layer._clear_losses()
    given = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in call.items()}
    outputs = tree.flatten(layer(*inputs, **given))
    assert [w.name for w in layer.weights] == expected["names"]
    assert [list(w.shape) for w in layer.weights] == expected["shapes"]
    assert tree.map_structure(str, plain(layer.get_config())) == expected["config"]
    losses = [loss.item() for loss in layer.losses]
    np.testing.assert_allclose(losses, expected["losses"], rtol=1e-5)
    pairs = zip(outputs, toward(outputs), strict=True)
    sum((o * torch.tensor(f)).sum() for o, f in pairs).backward()
    gradients = [x.grad for x in inputs]
    gradients += [w.to_keras((w.native[0].grad,)) for w in layer.trainable_weights]
    for got, wanted in zip(outputs, expected["outputs"], strict=True):
        np.testing.assert_allclose(got.detach(), wanted, rtol=1e-4, atol=1e-5)
    for got, wanted in zip(gradients, expected["gradients"], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4)
    again = layers.MultiHeadAttention.from_config(layer.get_config())
    again.load_state_dict(layer.state_dict())
    for one, other in zip(tree.flatten(again(*inputs, **given)), outputs, strict=True):
        torch.testing.assert_close(one, other)
    _check_symbolic(config, shapes, given, outputs)


def _check_symbolic(config, shapes, given, outputs):
    symbolic = [layers.Input(batch_shape=shape) for shape in shapes]
    made = tree.flatten(layers.MultiHeadAttention(**config)(*symbolic, **given))
    assert [tuple(t.shape) for t in made] == [tuple(o.shape) for o in outputs]


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) or hasattr(value, "as_list"):
        return [plain(item) for item in value]
    return value


def test_initial_weights_are_those_of_keras():
    def ask(keras):
        keras.backend.clear_session()
        keras.utils.set_random_seed(5)
        layer = keras.layers.MultiHeadAttention(**BASE)
        layer(*arrays([QUERY, VALUE]))
        return layer.get_weights()

    expected = oracle.ask(ask)
    torchkeras.utils.set_random_seed(5)
    layer = layers.MultiHeadAttention(**BASE)
    layer(*map(torch.tensor, arrays([QUERY, VALUE])))
    for got, wanted in zip(layer.get_weights(), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)


def encoder_decoder(keras):
    """Two embedded sequences whose masks reach attention from both sides."""
    make = keras.layers
    a, b = keras.Input((3,), name="a"), keras.Input((5,), name="b")
    embed = make.Embedding(4, 6, mask_zero=True)
    source, target = embed(b), embed(a)
    attend = make.MultiHeadAttention(2, 3)
    target = make.LayerNormalization()(target + attend(target, target, use_causal_mask=True))
    crossed = make.MultiHeadAttention(2, 3)(target, source, source)
    mixed, scores = make.MultiHeadAttention(2, 3)(crossed, key=source, value=source, **SCORES)
    return keras.Model([a, b], [make.GlobalAveragePooling1D()(crossed), mixed, scores])


def test_masks_inside_models():
    rng = np.random.default_rng(0)
    data = [rng.integers(0, 3, (4, n)).astype("int32") for n in (3, 5)]

    def ask(keras):
        keras.backend.clear_session()
        model = encoder_decoder(keras)
        fill(model)
        return [describe(model)["weights"], model.predict(data, verbose=0)]

    names, wanted = oracle.ask(ask)
    torchkeras.backend.clear_session()
    model = encoder_decoder(torchkeras)
    fill(model)
    assert [w.name for w in model.weights] == names
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    answers = [model.predict(data, verbose=0), compiled([torch.tensor(d) for d in data])]
    for answer in answers:
        for got, value in zip(answer, wanted, strict=True):
            np.testing.assert_allclose(
                np.asarray(got.detach() if hasattr(got, "detach") else got),
                value,
                rtol=1e-4,
                atol=1e-5,
            )


def test_masks_that_tensors_carry():
    """Called on tensors, masks come with them or as arguments, to the same effect."""
    rows = np.array([[True, False, True], [True, True, False]])

    def ask(keras):
        import tensorflow as tf

        layer = keras.layers.MultiHeadAttention(**BASE)
        x = tf.constant(arrays([QUERY])[0])
        x._keras_mask = tf.constant(rows)
        layer(x, x)
        fill(layer)
        y = layer(x, x)
        return [y, y._keras_mask]

    wanted, mask = oracle.ask(ask)
    layer = layers.MultiHeadAttention(**BASE)
    x = torch.tensor(arrays([QUERY])[0])
    layer(x, x)
    fill(layer)
    kept = torch.tensor(rows)
    given = layer(x, x, query_mask=kept, value_mask=kept)
    x._keras_mask = kept
    carried = layer(x, x)
    np.testing.assert_array_equal(carried._keras_mask, mask)
    for got in (given, carried):
        np.testing.assert_allclose(got.detach(), wanted, rtol=1e-4, atol=1e-5)


def test_native_modules_and_dropout():
    layer = layers.MultiHeadAttention(**BASE, dropout=0.5)
    x = torch.randn(2, 8, 4)
    still = layer(x, x)
    assert all(type(m) is nn.Linear for m in (layer.query, layer.key, layer.attention_output))
    assert not torch.equal(layer(x, x, training=True), still)
    assert "query.weight" in layer.state_dict()
    half = layers.MultiHeadAttention(**BASE, dtype="float16")
    assert half(x.half(), x.half(), use_causal_mask=True).isfinite().all()


def test_seeded_initializers_are_copied():
    layer = layers.MultiHeadAttention(2, 2, kernel_initializer=torchkeras.initializers.HeNormal(1))
    layer(torch.zeros(1, 2, 4), torch.zeros(1, 2, 4))
    query, _, key = layer.get_weights()[:3]
    np.testing.assert_array_equal(query, key)


ERRORS = [
    (lambda: layers.MultiHeadAttention(0, 3), "num_heads"),
    (lambda: layers.MultiHeadAttention(2, "3"), "key_dim"),
    (lambda: layers.MultiHeadAttention(2, 3)(torch.zeros(2, 3), torch.zeros(2, 3)), "rank 3"),
    (
        lambda: layers.MultiHeadAttention(2, 3)(layers.Input((3, None)), layers.Input((3, 4))),
        "last",
    ),
    (
        lambda: layers.MultiHeadAttention(2, 3, attention_axes=3)(*[torch.zeros(2, 3, 4)] * 2),
        "axes",
    ),
]


@pytest.mark.parametrize("call, told", ERRORS)
def test_errors_name_what_is_wrong(call, told):
    with pytest.raises(ValueError, match=told):
        call()
