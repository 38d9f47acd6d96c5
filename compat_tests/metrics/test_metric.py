"""torchkeras/metrics/base.py: users' metrics, state, resets, merging, devices."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from compat_tests import oracle
from torchkeras import losses, metrics
from torchkeras.variable import Variable


class CategoricalTruePositives(metrics.Metric):
    """The example of the tf.keras guide, written with torch."""

    def __init__(self, name="categorical_true_positives", **kwargs):
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_weight(name="ctp", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        predicted = torch.reshape(torch.argmax(y_pred, dim=1), (-1, 1))
        values = (y_true.to(torch.int32) == predicted.to(torch.int32)).to(torch.float32)
        if sample_weight is not None:
            values = torch.multiply(values, sample_weight)
        self.true_positives.assign_add(torch.sum(values))

    def result(self):
        return self.true_positives

    def reset_state(self):
        self.true_positives.assign(0.0)


def test_users_metric():
    metric = CategoricalTruePositives()
    labels = torch.tensor([[0], [1], [1]])
    scores = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], requires_grad=True)
    first = metric(labels, scores)
    assert isinstance(first, torch.Tensor) and not first.requires_grad
    assert float(metric(labels, scores)) == 4.0
    assert float(first) == 2.0  # a result is not changed by later updates
    assert [v.name for v in metric.variables] == ["ctp:0"]
    metric.reset_state()
    assert float(metric.result()) == 0.0
    assert metric.get_config() == {"name": "categorical_true_positives", "dtype": "float32"}
    assert str(metric) == "CategoricalTruePositives(name=categorical_true_positives,dtype=float32)"


def test_old_reset_states():
    class Old(metrics.Metric):
        def __init__(self):
            super().__init__(name="old")
            self.total = self.add_weight("total")

        def update_state(self, values):
            self.total.assign_add(torch.sum(values))

        def result(self):
            return {"twice": 2 * self.total, "total": self.total}

        def reset_states(self):
            self.total.assign(-1.0)

    metric = Old()
    metric.update_state(values=torch.ones(3))
    assert {key: float(value) for key, value in metric.result().items()} == {
        "twice": 6.0,
        "total": 3.0,
    }
    with pytest.warns(DeprecationWarning, match="reset_state"):
        metric.reset_state()
    assert float(metric.total) == -1.0


ORDERS = {
    "keras 2": (("w", (2,)), {"initializer": "ones"}),
    "tf 1.13": (("w", (2,), None, None, "ones"), {}),
    "keras 3": (((2,), "ones"), {"name": "w"}),
    "names": ((), {"name": "w", "shape": [2], "initializer": "ones", "dtype": "float32"}),
}


@pytest.mark.parametrize("order", ORDERS)
def test_add_weight(order):
    args, kwargs = ORDERS[order]
    metric = metrics.Metric()
    weight = metric.add_weight(*args, **kwargs)
    assert weight.numpy().tolist() == [1.0, 1.0]
    assert (weight.name, weight.trainable, weight.dtype) == ("w:0", False, "float32")
    assert metric.weights == metric.non_trainable_variables == [weight]
    assert metric.trainable_weights == []
    assert metric.add_weight("n", dtype="int32").dtype == "int32"
    with pytest.raises(TypeError, match="'regularizer'"):
        metric.add_weight("n", regularizer="l2")


def test_variables_and_metrics_kept_as_attributes_are_state():
    metric = metrics.Metric(name="outer")
    metric.own = Variable(1.0, trainable=False, name="own")
    metric.parts = [metrics.Mean(), {"deep": metrics.Sum()}]
    assert [v.name for v in metric.variables] == ["own:0", "total:0", "count:0", "total:0"]
    metric.set_weights([2.0, 3.0, 4.0, 5.0])
    assert [float(w) for w in metric.get_weights()] == [2.0, 3.0, 4.0, 5.0]
    metric.reset_state()
    assert [float(w) for w in metric.get_weights()] == [0.0] * 4
    with pytest.raises(ValueError, match="4 weights; received 1"):
        metric.set_weights([0.0])


def test_copies():
    metric = metrics.MeanSquaredError()
    metric.update_state([1.0], [3.0])
    for again in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        again.update_state([1.0], [1.0])
        assert (float(again.result()), float(metric.result())) == (2.0, 4.0)
    assert float(metrics.clone_metric(metric).result()) == 0.0
    with pytest.raises(ValueError, match="Cannot merge"):
        metrics.Precision().merge_state([metrics.AUC()])


def test_state_survives_inference_mode_and_the_meta_device():
    with torch.inference_mode():
        metric = metrics.MeanTensor()
        metric.update_state(torch.ones(2))
    metric.update_state(torch.zeros(2))
    metric.update_state(torch.ones(2, device="meta"))  # while shapes are inferred
    assert metric.result().tolist() == [0.5, 0.5]


def test_updates_are_not_part_of_a_graph():
    predictions = torch.ones(3, requires_grad=True)
    for metric in (metrics.Mean(), CategoricalTruePositives()):
        batch = (
            (predictions,)
            if isinstance(metric, metrics.Mean)
            else (
                torch.ones(3, 1),
                predictions.reshape(3, 1),
            )
        )
        metric.update_state(*batch)
        assert not any(v.value.requires_grad for v in metric.variables)


IDENTIFIERS = ["accuracy", "acc", "Accuracy", "crossentropy", "ce"]
SHAPES = [((4,), (4, 1)), ((4, 1), (4, 1)), ((4,), (4, 3)), ((4, 1), (4, 3)), ((4, 3), (4, 3))]
SHAPES += [((4, 2), (4, 2, 3)), ((4, 2, 1), (4, 2, 3)), ((4, 2, 3), (4, 2, 3))]


CASES = [(name, shapes) for name in IDENTIFIERS for shapes in SHAPES]
CASES += [(name, ((4, 3), (4, 3))) for name in ("mse", "categorical_accuracy", "MAE")]


@pytest.mark.parametrize("identifier, shapes", CASES, ids=str)
def test_resolve(identifier, shapes):
    """What `compile(metrics=[identifier])` means, and its value in `evaluate`."""
    rng = np.random.default_rng(len(identifier))
    true_shape, pred_shape = shapes
    labels = rng.integers(0, 2, true_shape).astype("float32")
    predictions = rng.uniform(0.1, 0.9, pred_shape).astype("float32")

    def answer(keras):
        import tensorflow as tf
        from tf_keras.src.engine.compile_utils import MetricsContainer

        container = MetricsContainer([identifier])
        container.update_state(tf.constant(labels), tf.constant(predictions))
        (metric,) = container.metrics
        return {
            "name": metric.name,
            "value": metric.result(),
            "config": str(metric.get_config()["fn"]),
        }

    expected = oracle.ask(answer)
    metric = metrics.resolve(identifier, labels, predictions)
    assert metric.name == expected["name"]
    assert metric._fn.__name__ in expected["config"]
    batch = losses.base.match_dtype_and_rank(torch.tensor(labels), torch.tensor(predictions), None)
    value = metric(*batch)
    np.testing.assert_allclose(value.numpy(), expected["value"], 1e-5, 1e-6)


def test_resolve_objects():
    labels = predictions = np.zeros((4, 3))

    def resolved(identifier):
        return metrics.resolve(identifier, labels, predictions)

    metric = metrics.AUC()
    assert resolved(metric) is metric
    assert resolved(None) is None
    assert isinstance(resolved("AUC"), metrics.AUC)
    assert resolved(metrics.mse).name == "mean_squared_error"
    assert resolved(losses.Huber(name="h")).name == "h"
    assert float(resolved(losses.Huber())([[0.0]], [[3.0]])) == 2.5

    class Callable:
        def __call__(self, y_true, y_pred):
            return y_true - y_pred

    assert resolved(Callable()).name == "callable"


NAMES = (
    "accuracy acc ACC mse MSE mae mape msle logcosh cosine_similarity cosine_proximity hinge "
    "poisson kullback_leibler_divergence AUC Precision Mean TopKCategoricalAccuracy"
).split()


@pytest.mark.parametrize("name", NAMES)
def test_get(name):
    def denoted(module):
        found = module.get(name)
        return getattr(found, "__name__", None) or type(found).__name__

    assert denoted(metrics) == oracle.ask(lambda keras: denoted(keras.metrics))


def test_get_other_things():
    with pytest.raises(ValueError, match="Unknown metric 'preccision'.*recision"):
        metrics.get("preccision")
    with pytest.raises(ValueError, match="None"):
        metrics.get(None)
    with pytest.raises(TypeError, match="'bogus'"):
        metrics.Metric(bogus=1)
    for method in ("update_state", "result"):
        with pytest.raises(NotImplementedError, match=method):
            getattr(metrics.Metric(), method)()
    assert metrics.get("kld") is losses.kl_divergence


def test_wrapped_function_serializes():
    metric = metrics.MeanMetricWrapper(metrics.mse, name="q")
    expected = oracle.ask(
        lambda keras: keras.metrics.serialize(
            keras.metrics.MeanMetricWrapper(keras.metrics.mean_squared_error, name="q")
        )
    )
    config = metrics.serialize(metric)
    assert config["config"] == expected["config"]
    assert metrics.deserialize(config)._fn is metrics.mse


def test_py_metric():
    class Distinct(metrics.experimental.PyMetric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            self.seen |= set(y_pred.numpy().ravel().tolist())

        def result(self):
            return len(self.seen)

        def reset_state(self):
            self.seen = set()

    metric = Distinct()
    assert int(metric([0], [1, 2])) == 2
    assert int(metric(torch.zeros(1), torch.tensor([2, 3], requires_grad=False))) == 3
    metric.reset_state()
    assert int(metric.result()) == 0
