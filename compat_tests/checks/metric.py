"""The shared check of metrics: several updates, result, reset and names beside tf.keras."""

from __future__ import annotations

import numpy as np
import torch

from compat_tests import oracle
from torchkeras import metrics, names


def check_metric(name, batches, config=None, tolerance=1e-6):
    """`metrics.<name>(**config)` follows tf.keras through `batches` of positional arguments.

    Compared are the result after each batch, the state and the names of its variables, config and
    serialized form; then reset, a merge of two metrics, and the metric made from its config.
    """
    config = config or {}
    expected = oracle.ask(lambda keras: _ask(keras, name, batches, config))
    names.reset()
    metric = getattr(metrics, name)(**config)
    assert metric.name == expected["name"]
    for batch, result in zip(batches, expected["results"], strict=True):
        value = metric(*(None if part is None else torch.tensor(part) for part in batch))
        assert not value.requires_grad
        _close(value, result, tolerance)
    found = [[v.name, list(v.shape), v.dtype] for v in metric.variables]
    assert found == expected["variables"]
    for variable, state in zip(metric.variables, expected["state"], strict=True):
        assert not variable.trainable
        _close(variable, state, tolerance)
    assert _plain(metric.get_config()) == _plain(expected["config"])
    assert _plain(metrics.serialize(metric)) == _plain(expected["serialized"])
    again = metrics.deserialize(metrics.serialize(metric))
    again.update_state(*batches[0])
    _close(again.result(), expected["results"][0], tolerance)
    other = type(metric).from_config(metric.get_config())
    other.update_state(*batches[-1])
    again.merge_state([other])
    _close(again.result(), expected["merged"], tolerance)
    metric.reset_state()
    assert all((v.numpy() == 0).all() for v in metric.variables)
    metric.update_state(*batches[0])
    metric.reset_states()
    _close(metric(*batches[0]), expected["results"][0], tolerance)
    return metric


def _close(value, expected, tolerance):
    np.testing.assert_allclose(value.numpy(), expected, tolerance, tolerance)


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _ask(keras, name, batches, config):
    keras.backend.clear_session()
    metric = getattr(keras.metrics, name)(**config)
    results = [metric(*batch).numpy() for batch in batches]
    one, two = (type(metric).from_config(metric.get_config()) for _ in range(2))
    one.update_state(*batches[0])
    two.update_state(*batches[-1])
    one.merge_state([two])
    serialized = keras.metrics.serialize(metric)
    serialized.pop("build_config", None)  # the first batch says it again
    return {
        "name": metric.name,
        "results": results,
        "variables": [[v.name, v.shape.as_list(), v.dtype.name] for v in metric.variables],
        "state": [v.numpy() for v in metric.variables],
        "config": metric.get_config(),
        "serialized": {**serialized, "module": serialized["module"].replace("tf_keras", "keras")},
        "merged": one.result().numpy(),
    }
