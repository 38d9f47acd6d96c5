"""torchkeras/losses beside tf.keras: values, gradients, weights, masks, configs, names."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.kernels import Kernels
from compat_tests.checks.loss import check_loss
from torchkeras import Sequential, layers, losses, metrics, registry

REGRESSION = [
    ("MeanSquaredError", {}),
    ("MeanAbsoluteError", {}),
    ("MeanAbsolutePercentageError", {}),
    ("MeanSquaredLogarithmicError", {}),
    ("LogCosh", {}),
    ("Huber", {}),
    ("Huber", {"delta": 0.3}),
    ("CosineSimilarity", {}),
    ("CosineSimilarity", {"axis": 0}),
    ("KLDivergence", {}),
    ("Poisson", {}),
    ("Hinge", {}),
    ("SquaredHinge", {}),
    ("CategoricalHinge", {}),
]
BINARY = [
    ("BinaryCrossentropy", {}),
    ("BinaryCrossentropy", {"from_logits": True}),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}),
    ("BinaryCrossentropy", {"label_smoothing": 0.2, "from_logits": True, "axis": 1}),
    ("BinaryFocalCrossentropy", {}),
    ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 3.0}),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.4}),
    ("BinaryFocalCrossentropy", {"label_smoothing": 0.1}),
]
CATEGORICAL = [
    ("CategoricalCrossentropy", {}),
    ("CategoricalCrossentropy", {"from_logits": True}),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2, "from_logits": True}),
    ("CategoricalFocalCrossentropy", {}),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "gamma": 1.5, "alpha": 0.4}),
    ("CategoricalFocalCrossentropy", {"label_smoothing": 0.1}),
]
SPARSE = [
    ("SparseCategoricalCrossentropy", {}),
    ("SparseCategoricalCrossentropy", {"from_logits": True}),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}),
    ("SparseCategoricalCrossentropy", {"ignore_class": -1, "from_logits": True}),
]
REDUCTIONS = ["auto", "sum_over_batch_size", "sum", "none"]


def data(name, config, shape):
    """Labels and predictions that suit the loss."""
    rng = np.random.default_rng(len(name) + 7 * len(shape) + len(config))
    logits = rng.normal(size=shape).astype("float32")
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    raw = config.get("from_logits", False)
    if name.startswith("Sparse"):
        low = min(config.get("ignore_class") or 0, 0)
        return rng.integers(low, shape[-1], shape[:-1]), logits if raw else probabilities
    if name.startswith("Categorical"):
        one_hot = np.eye(shape[-1], dtype="float32")[rng.integers(0, shape[-1], shape[:-1])]
        return one_hot, logits if raw or "Hinge" in name else probabilities
    if name.startswith("Binary"):
        labels = rng.integers(0, 2, shape).astype("float32")
        return labels, logits if raw else 1 / (1 + np.exp(-logits))
    if "Hinge" in name:
        return rng.choice([-1.0, 1.0], shape).astype("float32"), logits
    if name in ("KLDivergence", "Poisson", "MeanSquaredLogarithmicError"):
        return rng.uniform(0, 1, shape).astype("float32"), probabilities
    return rng.normal(size=shape).astype("float32"), logits


def case_id(case):
    name, config = case
    return "-".join([name, *(f"{key}={value}" for key, value in config.items())])


@pytest.mark.parametrize("case", REGRESSION + BINARY + CATEGORICAL + SPARSE, ids=case_id)
@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 5)], ids=["rows", "steps"])
def test_mean(case, shape):
    check_loss(case[0], *data(*case, shape), case[1])


@pytest.mark.parametrize("reduction", ["none", "sum_over_batch_size"])
@pytest.mark.parametrize("case", CATEGORICAL + SPARSE, ids=case_id)
def test_many_rows_of_few_classes(case, reduction):
    config = {**case[1], "reduction": reduction}
    check_loss(case[0], *data(*case, (4, 400, 3)), config)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, "scalar", "batch", "column", "steps", "steps1"])
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize(
    "name", ["MeanSquaredError", "BinaryCrossentropy", "SparseCategoricalCrossentropy"]
)
def test_weights_and_masks(name, masked, weight, reduction):
    rng = np.random.default_rng(3)
    shapes = {"scalar": (), "batch": 3, "column": (3, 1), "steps": (3, 4), "steps1": (3, 4, 1)}
    if weight is not None:
        weight = np.asarray(rng.uniform(0.5, 2, shapes[weight]), "float32")
    mask = rng.uniform(size=(3, 4)) < 0.6 if masked else None
    config = {"reduction": reduction}
    check_loss(name, *data(name, config, (3, 4, 5)), config, weight, mask)


@pytest.mark.parametrize("case", BINARY + CATEGORICAL + SPARSE, ids=case_id)
def test_logits_behind_probabilities(case):
    name, config = case
    config = {key: value for key, value in config.items() if key != "from_logits"}
    labels, logits = data(name, {"from_logits": True, **config}, (4, 5))
    logits[0] *= 100  # where probabilities would be clipped
    if "Focal" in name:
        logits[0] /= 100
    check_loss(name, labels, logits, config, logits=True)


@pytest.mark.parametrize("ignore", [{"sample_weight": True}, {"mask": True}, {}], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ignore_class(ignore, reduction):
    config = {"ignore_class": 2, "reduction": reduction}
    labels, predictions = data("SparseCategoricalCrossentropy", config, (3, 6, 4))
    rng = np.random.default_rng(0)
    if "sample_weight" in ignore:
        ignore["sample_weight"] = rng.uniform(size=(3, 6)).astype("float32")
    if "mask" in ignore:
        ignore["mask"] = rng.uniform(size=(3, 6)) < 0.7
    check_loss("SparseCategoricalCrossentropy", labels, predictions, config, **ignore)


@pytest.mark.parametrize("weight", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize(
    "true_shape, pred_shape", [((4,), (4, 1)), ((4, 1), (4,)), ((4, 1), (4, 3)), ((4, 3), (4, 1))]
)
@pytest.mark.parametrize("name", ["MeanSquaredError", "MeanAbsoluteError", "Huber", "Hinge"])
def test_squeezed_or_broadcast(name, true_shape, pred_shape, weight):
    rng = np.random.default_rng(1)
    labels, predictions = rng.normal(size=true_shape), rng.normal(size=pred_shape)
    weight = np.float32(0.5) if weight else None
    check_loss(name, labels.astype("float32"), predictions.astype("float32"), {}, weight)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float64"])
@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_sparse_labels(dtype, shape):
    predictions = data("SparseCategoricalCrossentropy", {}, (6, 4))[1]
    labels = np.array([0, 3, 2, 1, 1, 0]).astype(dtype).reshape(shape)
    check_loss("SparseCategoricalCrossentropy", labels, predictions)


def test_integer_labels_and_binary_hinge_labels():
    labels = np.array([[0, 1, 1], [1, 0, 1]])
    predictions = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    for name in ("MeanSquaredError", "Hinge", "SquaredHinge"):
        check_loss(name, labels, predictions)
    check_loss("BinaryCrossentropy", labels, predictions, {"from_logits": True})
    check_loss("Hinge", np.ones((2, 2), "float32"), np.ones((2, 2), "float32"))  # at the kink


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("case", REGRESSION + BINARY + CATEGORICAL + SPARSE, ids=case_id)
def test_dtypes(case, dtype):
    name, config = case
    labels, predictions = data(name, config, (4, 3))
    labels = labels if labels.dtype.kind == "i" else labels.astype(dtype)
    check_loss(
        name,
        labels,
        predictions.astype(dtype),
        config,
        tolerance=2e-2 if dtype == "float16" else 1e-5,
    )


FUNCTIONS = [
    ("mean_squared_error", {}),
    ("mean_absolute_error", {}),
    ("mean_absolute_percentage_error", {}),
    ("mean_squared_logarithmic_error", {}),
    ("log_cosh", {}),
    ("huber", {"delta": 0.5}),
    ("cosine_similarity", {"axis": 1}),
    ("kl_divergence", {}),
    ("poisson", {}),
    ("hinge", {}),
    ("squared_hinge", {}),
    ("categorical_hinge", {}),
    ("binary_crossentropy", {"axis": 1}),
    ("binary_crossentropy", {"from_logits": True}),
    ("binary_focal_crossentropy", {"apply_class_balancing": True, "axis": 1}),
    ("categorical_crossentropy", {"axis": 1}),
    ("categorical_crossentropy", {"axis": 1, "from_logits": True, "label_smoothing": 0.1}),
    ("categorical_focal_crossentropy", {"axis": 1}),
    ("sparse_categorical_crossentropy", {"axis": 1}),
    ("sparse_categorical_crossentropy", {"axis": 2, "from_logits": True, "ignore_class": 1}),
]


@pytest.mark.parametrize("case", FUNCTIONS, ids=case_id)
def test_functions(case):
    name, config = case
    rng = np.random.default_rng(5)
    predictions = rng.uniform(0.05, 1, (2, 3, 4)).astype("float32")
    labels = rng.uniform(0.05, 1, (2, 3, 4)).astype("float32")
    if name.startswith("sparse"):
        labels = rng.integers(0, 3, (2, 4) if config["axis"] == 1 else (2, 3))
    expected = oracle.ask(lambda keras: getattr(keras.losses, name)(labels, predictions, **config))
    value = getattr(losses, name)(labels, predictions, **config)
    np.testing.assert_allclose(value.numpy(), expected, 1e-5, 1e-5)
    assert losses.get(name) is getattr(losses, name)


ALIASES = (
    "mse MSE mae MAE mape MAPE msle MSLE bce BCE kld KLD kullback_leibler_divergence logcosh "
    "huber_loss huber hinge poisson cosine_similarity MeanSquaredError Huber"
).split()


@pytest.mark.parametrize("alias", ALIASES)
def test_get(alias):
    def denoted(module):
        found = module.get(alias)
        return getattr(found, "__name__", None) or found.get_config()

    assert denoted(losses) == oracle.ask(lambda keras: denoted(keras.losses))
    own = losses.get(alias)
    if not isinstance(own, losses.Loss):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = oracle.ask(lambda keras: keras.losses.serialize(keras.losses.get(alias)))
        assert losses.serialize(own) == expected
        assert losses.deserialize(expected) is own
        assert losses.deserialize(losses.serialize(own, use_legacy_format=True)) is own


def test_get_other_things():
    assert losses.get(None) is None
    loss = losses.Huber()
    assert losses.get(loss) is loss
    with pytest.raises(ValueError, match="Unknown loss 'mean_sqared_error'.*mean_squared_error"):
        losses.get("mean_sqared_error")
    with pytest.raises(ValueError, match="received 3"):
        losses.get(3)
    with pytest.warns(DeprecationWarning, match="cosine_similarity"):
        losses.get("cosine_proximity")([[1.0]], [[1.0]])


class Cubed(losses.Loss):
    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, y_true, y_pred):
        return (self.scale * (y_true - y_pred).abs() ** 3).mean(-1)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def test_users_loss():
    labels, predictions = torch.zeros(2, 2), torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    loss = Cubed(scale=2.0)
    assert loss.name is None
    assert float(loss(labels, predictions)) == 5.0
    assert float(loss(labels, predictions, torch.tensor([1.0, 3.0]))) == 6.0
    config = losses.serialize(loss)
    assert losses.deserialize(config, {"Cubed": Cubed}).get_config() == loss.get_config()
    with registry.custom_object_scope({"Cubed": Cubed}):
        assert losses.get("Cubed").scale == 1.0


def test_subclass_with_its_own_call_is_not_bypassed():
    class Doubled(losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return 2.0 * super().call(y_true, y_pred)

    assert float(Doubled()([[0.0]], [[3.0]])) == 18.0


def test_symbolic_tensors_and_variables():
    from torchkeras.graph import KerasTensor
    from torchkeras.variable import Variable

    labels, predictions = KerasTensor((None, 3)), KerasTensor((None, 3))
    assert losses.binary_crossentropy(labels, predictions).shape == (None,)
    assert losses.CategoricalCrossentropy()(labels, predictions).shape == ()
    assert losses.mse(Variable([[1.0, 1.0]]), torch.tensor([[0.0, 2.0]])).tolist() == [1.0]
    assert losses.MeanSquaredError()(Variable([1.0]), [3.0]).tolist() == 4.0


def test_wrapped_function():
    loss = losses.LossFunctionWrapper(losses.huber, name="mine", delta=2.0)
    config = loss.get_config()
    assert config == {"reduction": "auto", "name": "mine", "delta": 2.0, "fn": "huber"}
    assert losses.LossFunctionWrapper.from_config(config).fn is losses.huber
    assert float(losses.get(lambda t, p: p)(1.0, 2.0)) == 2.0


BAD_SHAPES = [
    (losses.MeanSquaredError, (4, 3), (4, 5), r"\(4, 3\).*\(4, 5\)"),
    (losses.CategoricalCrossentropy, (4, 1), (4, 5), r"\(4, 1\).*\(4, 5\).*sparse_"),
    (losses.SparseCategoricalCrossentropy, (4, 5), (4, 5), r"20 labels.*one-hot"),
    (losses.BinaryCrossentropy, (4, 2), (4, 3), r"\(4, 2\).*\(4, 3\)"),
]


@pytest.mark.parametrize("loss, true_shape, pred_shape, message", BAD_SHAPES)
def test_shapes_that_do_not_fit(loss, true_shape, pred_shape, message):
    for weight in (None, 1.0):
        with pytest.raises(ValueError, match=message):
            loss()(torch.zeros(true_shape), torch.rand(pred_shape), weight)


def test_other_errors():
    with pytest.raises(ValueError, match=r"valid range \[0, 3\).*\[0, 7\]"):
        losses.SparseCategoricalCrossentropy()(torch.tensor([0, 7]), torch.rand(2, 3))
    with pytest.raises(ValueError, match="'mean'"):
        losses.MeanSquaredError(reduction="mean")
    with pytest.raises(ValueError, match="axis"):
        losses.categorical_crossentropy([[1.0, 0.0]], [[0.5, 0.5]], axis=True)
    with pytest.raises(ValueError, match=r"\(4,\).*\(3,\)"):
        losses.MeanSquaredError()(torch.zeros(3, 2), torch.zeros(3, 2), torch.ones(4))
    with pytest.raises(ValueError, match=r"\(batch, 1\)"):
        losses.MeanSquaredError()(torch.zeros(3), torch.zeros(3, 1), torch.ones(3))
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.categorical_crossentropy([[1.0]], [[0.5]])
    seen = torch.tensor([[0.5]])
    seen._keras_logits = torch.tensor([[0.0]])
    with pytest.warns(UserWarning, match="from_logits=True"):
        losses.binary_crossentropy([[1.0]], seen, from_logits=True)
    with pytest.raises(NotImplementedError, match="Loss must implement call"):
        losses.Loss()([1.0], [1.0])


@pytest.mark.parametrize("case", REGRESSION + BINARY + CATEGORICAL + SPARSE, ids=case_id)
def test_compiles_in_one_graph(case):
    name, config = case
    labels, predictions = map(torch.tensor, data(name, config, (4, 3)))
    loss = getattr(losses, name)(**config)
    torch._dynamo.reset()
    compiled = torch.compile(lambda t, p: loss(t, p), fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(labels, predictions), loss(labels, predictions))
    compiled = torch.compile(lambda t, p, w: loss(t, p, w), fullgraph=True, backend="eager")
    weights = torch.tensor(0.5)
    torch.testing.assert_close(
        compiled(labels, predictions, weights), loss(labels, predictions, weights)
    )


def test_half_precision_masks_count_exactly():
    labels, predictions = torch.zeros(3000, 1).half(), torch.ones(3000, 1).half()
    predictions._keras_mask = torch.ones(3000, dtype=torch.bool)
    assert float(losses.MeanSquaredError()(labels, predictions)) == 1.0


@pytest.mark.parametrize(
    "loss, labels, limit",
    [
        (losses.MeanSquaredError(), torch.zeros(8, 4), 1),
        (losses.MeanAbsoluteError(), torch.zeros(8, 4), 3),
        (losses.Huber(), torch.zeros(8, 4), 1),
        (losses.BinaryCrossentropy(from_logits=True), torch.zeros(8, 4), 1),
        (losses.SparseCategoricalCrossentropy(from_logits=True), torch.zeros(8, dtype=int), 2),
        (losses.CategoricalCrossentropy(from_logits=True), torch.zeros(8, 4), 5),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_few_kernels(loss, labels, limit):
    """As many operations as the line of torch that a person would write."""
    predictions = torch.rand(8, 4)
    with Kernels() as kernels:
        loss(labels, predictions)
    assert len(kernels.names) <= limit, kernels.names


@pytest.fixture
def nobody_looks(monkeypatch):
    """Labels as on a device whose kernels do not check them."""
    monkeypatch.setattr(losses.labels, "looked_at", lambda labels: False)


def test_a_wrong_label_that_no_kernel_looks_at(nobody_looks):
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    for wrong in (3, -1):
        found = losses.sparse_categorical_crossentropy([0, wrong, 2, 1], logits, True)
        assert found.isnan().tolist() == [False, True, False, False]
    with pytest.raises(ValueError, match=r"crossentropy got a label .* valid range \[0, 3\)"):
        losses.labels.check()
    losses.labels.check()  # told once
    model = Sequential([layers.Dense(3, input_shape=(2,))])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.zeros((8, 2), "float32"), np.array([0, 1, 2, 0, 1, 2, 3, 0])
    with pytest.raises(ValueError, match=r"valid range \[0, 3\) in epoch 1"):
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)


@pytest.mark.parametrize("ignored", [None, -1, 1, 255])
@pytest.mark.parametrize("reduction", ["none", "auto"])
def test_right_labels_that_no_kernel_looks_at(ignored, reduction, monkeypatch):
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    labels = [0, 1, 2, 1, 0] if ignored is None else [0, ignored, 2, ignored, 1]
    found = []
    for looks in (True, False):
        monkeypatch.setattr(losses.labels, "looked_at", lambda labels, looks=looks: looks)
        given = logits.clone().requires_grad_()
        loss = losses.SparseCategoricalCrossentropy(True, ignored, reduction)
        value = loss(labels, given)
        value.sum().backward()
        found += [value.detach(), given.grad]
    torch.testing.assert_close(found[:2], found[2:])
    losses.labels.check()


@pytest.mark.parametrize("name", ["MeanSquaredError", "BinaryCrossentropy", "Huber", "Hinge"])
def test_a_column_meets_a_row_element_by_element(name):
    """Labels (N,) beside predictions (N, 1) and the other way round: never N x N."""
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 6).astype("float32")
    p = random.uniform(0.1, 0.9, 6).astype("float32")
    pairs = [(y, p[:, None]), (y[:, None], p), (y[:, None], p[:, None]), (y, p)]

    def reference(keras):
        import tensorflow as tf  # of arrays tf.keras makes N x N, of tensors and in fit it does not

        return [getattr(keras.losses, name)()(*map(tf.constant, pair)) for pair in pairs]

    expected = oracle.ask(reference)
    found = [getattr(losses, name)()(*pair) for pair in pairs]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.ptp(found) < 1e-6 or name == "BinaryCrossentropy"
    means = [metrics.MeanSquaredError() for _ in pairs]
    for metric, pair in zip(means, pairs, strict=True):
        metric.update_state(*pair)
    np.testing.assert_allclose([float(m.result()) for m in means], ((y - p) ** 2).mean(), rtol=1e-6)
