"""The shared check of losses: value, gradient and config beside those of tf.keras."""

from __future__ import annotations

import numpy as np
import torch

from compat_tests import oracle
from torchkeras import losses


def check_loss(
    name, y_true, y_pred, config=None, sample_weight=None, mask=None, logits=False, tolerance=1e-5
):
    """`losses.<name>(**config)` and its gradient for `y_pred` agree with tf.keras.

    With `logits`, `y_pred` are the logits and the loss sees their softmax or sigmoid, with the
    logits as attribute.
    """
    config = config or {}
    expected = oracle.ask(
        lambda keras: _ask(keras, name, y_true, y_pred, config, sample_weight, mask, logits)
    )
    source = torch.tensor(y_pred, requires_grad=True)
    seen = source
    if logits:
        seen = source.softmax(-1) if "categorical" in name.lower() else source.sigmoid()
        seen._keras_logits = source
    if mask is not None:
        seen = seen if logits else source * 1.0
        seen._keras_mask = torch.tensor(mask)
    weight = None if sample_weight is None else torch.tensor(sample_weight)
    loss = getattr(losses, name)(**config)
    value = loss(torch.tensor(y_true), seen, sample_weight=weight)
    value.sum().backward()
    assert value.dtype == getattr(torch, expected["dtype"])
    np.testing.assert_allclose(value.detach().numpy(), expected["value"], tolerance, tolerance)
    np.testing.assert_allclose(source.grad.numpy(), expected["gradient"], tolerance, tolerance)
    assert loss.get_config() == expected["config"]
    again = losses.deserialize(losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert losses.serialize(loss) == expected["serialized"]


def _ask(keras, name, y_true, y_pred, config, sample_weight, mask, logits):
    import tensorflow as tf

    source = tf.constant(y_pred)
    loss = getattr(keras.losses, name)(**config)
    with tf.GradientTape() as tape:
        tape.watch(source)
        seen = tf.identity(source)
        if logits:
            seen = tf.nn.softmax(source) if "categorical" in name.lower() else tf.sigmoid(source)
            seen._keras_logits = source
        if mask is not None:
            seen._keras_mask = tf.constant(mask)
        weight = None if sample_weight is None else tf.constant(sample_weight)
        value = loss(tf.constant(y_true), seen, sample_weight=weight)
    return {
        "value": value,
        "dtype": value.dtype.name,
        "gradient": tape.gradient(value, source),
        "config": loss.get_config(),
        "serialized": _own_module(keras.losses.serialize(loss)),
    }


def _own_module(config):
    return {**config, "module": config["module"].replace("tf_keras", "keras")}
