"""Attention and additive attention beside tf.keras, alone and inside models."""

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.layer import check_layer
from torchkeras import Model, layers

QUERY, VALUE = (2, 3, 4), (2, 5, 4)
QUERY_MASK = np.array([[True, True, False], [False, True, True]])
VALUE_MASK = np.array([[True, False, True, True, False], [False] * 5])

ROWS = [
    ("Attention", {}, [QUERY, VALUE]),
    ("Attention", {}, [QUERY, VALUE, VALUE]),
    ("Attention", dict(use_scale=True), [QUERY, VALUE]),
    ("Attention", dict(score_mode="concat"), [QUERY, VALUE, VALUE]),
    ("Attention", dict(score_mode="concat", use_scale=True), [QUERY, VALUE]),
    ("Attention", dict(dropout=0.5), [QUERY, VALUE]),
    ("Attention", {}, [(2, 6, 3, 4), (2, 6, 5, 4)]),
    ("AdditiveAttention", {}, [QUERY, VALUE]),
    ("AdditiveAttention", dict(use_scale=False), [QUERY, VALUE, VALUE]),
]


@pytest.mark.parametrize("name, config, shapes", ROWS)
def test_beside_keras(name, config, shapes):
    check_layer(name, config, shapes)


CALLS = [
    dict(use_causal_mask=True),
    dict(return_attention_scores=True),
    dict(return_attention_scores=True, use_causal_mask=True),
]


@pytest.mark.parametrize("mask", [None, [QUERY_MASK, VALUE_MASK], [None, VALUE_MASK]])
@pytest.mark.parametrize("call", [{}, *CALLS])
@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_calls_beside_keras(name, call, mask):
    """A sample whose values are all masked gets their mean."""
    if not (call or mask):
        return
    given = None if mask is None else [mask[0], mask[1]]
    scored = call.get("return_attention_scores")

    def ask(keras):
        import tensorflow as tf

        q, v = inputs()
        y = getattr(keras.layers, name)(use_scale=False)(
            [tf.constant(q), tf.constant(v)],
            mask=None if given is None else [m if m is None else tf.constant(m) for m in given],
            **call,
        )
        return list(y) if scored else [y]

    q, v = map(torch.tensor, inputs())
    kept = None if given is None else [m if m is None else torch.tensor(m) for m in given]
    y = getattr(layers, name)(use_scale=False)([q, v], mask=kept, **call)
    for got, wanted in zip(y if scored else [y], oracle.ask(ask), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def inputs():
    rng = np.random.default_rng(3)
    return [rng.normal(size=shape).astype("float32") for shape in (QUERY, VALUE)]


def two_embeddings(keras):
    """Attention between two embedded sequences, whose masks it takes and passes on."""
    make = keras.layers
    a, b = keras.Input((3,), name="a"), keras.Input((5,), name="b")
    embed = make.Embedding(4, 6, mask_zero=True)
    mixed = make.Attention(use_scale=True)([embed(a), embed(b)], use_causal_mask=True)
    pooled = make.GlobalAveragePooling1D()(mixed)
    return keras.Model([a, b], [pooled, make.AdditiveAttention()([mixed, embed(b)])])


def test_masks_inside_models():
    import torchkeras
    from compat_tests.checks.model import describe, fill

    rng = np.random.default_rng(0)
    data = [rng.integers(0, 3, (4, n)).astype("int32") for n in (3, 5)]

    def ask(keras):
        keras.backend.clear_session()
        model = two_embeddings(keras)
        fill(model)
        return [describe(model), model.predict(data, verbose=0)]

    about, wanted = oracle.ask(ask)
    torchkeras.backend.clear_session()
    model = two_embeddings(torchkeras)
    fill(model)
    assert describe(model) == about
    for other in (model, type(model).from_config(model.get_config())):
        other.set_weights(model.get_weights())
        for got, value in zip(other.predict(data, verbose=0), wanted, strict=True):
            np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-5)


def test_dropout_acts_in_training():
    layer = layers.Attention(dropout=0.5)
    x = torch.randn(2, 8, 4)
    assert not torch.equal(layer([x, x], training=True), layer([x, x]))
    torch.testing.assert_close(layer([x, x], training=False), layers.Attention()([x, x]))


def test_causal_of_the_constructor_is_kept():
    layer = layers.Attention(causal=True)
    x = torch.randn(1, 3, 2)
    again = layers.Attention.from_config(layer.get_config())
    torch.testing.assert_close(again([x, x]), layers.Attention()([x, x], use_causal_mask=True))


ERRORS = [
    (lambda: layers.Attention(score_mode="sum"), "score_mode"),
    (lambda: layers.Attention()(torch.zeros(2, 3, 4)), "query, value"),
    (lambda: layers.Attention()([torch.zeros(2, 3, 4)]), "query, value"),
    (lambda: layers.Attention()([torch.zeros(2, 3, 4)] * 2, mask=torch.ones(2, 3)), "mask"),
]


@pytest.mark.parametrize("call, told", ERRORS)
def test_errors_name_what_is_wrong(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_symbolic_shapes():
    q, v = layers.Input((3, 4)), layers.Input((5, 4))
    outputs, scores = layers.Attention()([q, v], return_attention_scores=True)
    assert (outputs.shape, scores.shape) == ((None, 3, 4), (None, 3, 5))
    whole = Model([q, v], [outputs, scores])([torch.zeros(2, 3, 4), torch.zeros(2, 5, 4)])
    assert [tuple(t.shape) for t in whole] == [(2, 3, 4), (2, 3, 5)]


def test_arguments_by_place():
    q, v = layers.Input((3, 4)), layers.Input((5, 4))
    model = Model([q, v], layers.Attention()([q, v], None, None, True, True))
    again = type(model).from_config(model.get_config())
    data = [torch.randn(2, 3, 4), torch.randn(2, 5, 4)]
    for got, wanted in zip(again(data), model(data), strict=True):
        torch.testing.assert_close(got, wanted)
    assert (model(data)[1][0].triu(1) == 0).all()
