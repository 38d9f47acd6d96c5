"""The state of an optimizer in files of old Keras: by names, with gates apart, kernels turned."""

import json

import h5py
import numpy as np
import pytest

from compat_tests.checks.files import numbers
from compat_tests.checks.keras1 import dense, layer, recurrent
from torchkeras.models import load_model

LSTM = recurrent("LSTM", "a", batch_input_shape=[None, 4, 2], input_dtype="float32")
GATES = [f"a_{part}_{gate}" for gate in "icfo" for part in "WUb"]
RULES = {"Nadam": {"schedule_decay": 0.004}}
SHAPES = {"W": (2, 3), "U": (3, 3), "b": (3,)}


def written(path, layers, weights, rule, state, version, backend="tensorflow"):
    """A file with layers, `weights` as names and arrays by layer, and the state of `rule`."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version, backend
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": layers})
        config = {"class_name": rule, "config": {"lr": 0.1} | RULES.get(rule, {"decay": 0.0})}
        told = {"optimizer_config": config, "loss": "mse", "metrics": [], "loss_weights": None}
        file.attrs["training_config"] = json.dumps(told)
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in weights]
        if version > "2":
            root.attrs["keras_version"], root.attrs["backend"] = version, backend
        for name, arrays in weights.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [one.encode() for one in arrays]
            for one, array in arrays.items():
                group[one] = array
        group = file.create_group("optimizer_weights")
        group.attrs["weight_names"] = [f"v{i}".encode() for i in range(len(state))]
        for i, array in enumerate(state):
            group[f"v{i}"] = array


def slots(model):
    """The arrays that an optimizer keeps, those of its first slot first."""
    return [variable.numpy() for variable in model.optimizer.variables if variable.shape]


@pytest.mark.parametrize("rule, counters", [("RMSprop", 0), ("Adam", 1), ("Nadam", 1)])
def test_gates_are_joined_and_names_give_the_order(rule, counters, tmp_path):
    path = str(tmp_path / "model.h5")
    gates = {name: numbers(*SHAPES[name[2]], seed=i) for i, name in enumerate(GATES)}
    end = {"A_W": numbers(3, 2), "A_b": numbers(2)}
    kept = {name: abs(array) + 1 for name, array in (gates | end).items()}
    state = [np.float32(3)] * counters
    for _ in range(1 if rule == "RMSprop" else 2):
        state += [kept[name] for name in sorted(kept)]  # 'A' is before 'a'
    written(path, [LSTM, dense("A", 2)], {"a": gates, "A": end}, rule, state, "1.2.2")
    model = load_model(path)
    parts = [np.concatenate([kept[f"a_{part}_{gate}"] for gate in "ifco"], -1) for part in "WUb"]
    wanted = [*parts, kept["A_W"], kept["A_b"]] * (1 if rule == "RMSprop" else 2)
    for one, other in zip(slots(model), wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(model.optimizer.iterations) == 3 * counters


def test_nadam_goes_on_with_the_product_that_its_steps_had(tmp_path):
    path = str(tmp_path / "model.h5")
    weights = {"W": numbers(2, 2), "b": numbers(2)}
    start = dense("d", 2, batch_input_shape=[None, 2])
    state = [np.float32(2), *weights.values(), *weights.values()]
    written(path, [start], {"d": weights}, "Nadam", state, "1.2.2")
    momenta = [0.9 * (1 - 0.5 * 0.96 ** (0.004 * step)) for step in (1, 2)]
    product = load_model(path).optimizer.variables[1].numpy()
    np.testing.assert_allclose(product, np.prod(momenta), 1e-5)


def test_moments_of_a_descent_without_momentum_are_passed_over(tmp_path):
    path = str(tmp_path / "model.h5")
    weights = {"W": numbers(2, 2), "b": numbers(2)}
    start = dense("d", 2, batch_input_shape=[None, 2])
    state = [np.float32(5), *weights.values()]
    written(path, [start], {"d": weights}, "SGD", state, "1.2.2")
    assert int(load_model(path).optimizer.iterations) == 5


def test_slots_of_kernels_of_theano_are_turned(tmp_path):
    path = str(tmp_path / "model.h5")
    conv = layer("Conv2D", "c", filters=4, kernel_size=[2, 3], batch_input_shape=[None, 6, 6, 2])
    weights = {"c/kernel": numbers(2, 3, 2, 4), "c/bias": numbers(4)}
    state = [abs(array) for array in weights.values()]
    written(path, [conv], {"c": weights}, "RMSprop", state, "2.1.6", "theano")
    np.testing.assert_array_equal(slots(load_model(path))[0], state[0][::-1, ::-1])


def test_versions_that_train_in_the_order_of_layers(tmp_path):
    path = str(tmp_path / "model.h5")
    entries = [
        layer("Dense", "z", units=2, batch_input_shape=[None, 2]), layer("Dense", "a", units=2)
    ]  # fmt: skip
    weights = {n: {f"{n}/kernel:0": numbers(2, 2), f"{n}/bias:0": numbers(2)} for n in "za"}
    names = [name for arrays in weights.values() for name in arrays]
    for version, order in (("2.0.5", sorted(names)), ("2.0.6", names)):
        kept = {name: numbers(*(2, 2)[: 2 if "kernel" in name else 1], seed=i)
                for i, name in enumerate(names)}  # fmt: skip
        written(path, entries, weights, "RMSprop", [kept[name] for name in order], version)
        for one, name in zip(slots(load_model(path)), names, strict=True):
            np.testing.assert_array_equal(one, kept[name])


def test_slots_of_a_layer_that_files_order_otherwise(tmp_path):
    path = str(tmp_path / "model.h5")
    highway = layer("Highway", "h", init="uniform", activation="linear", bias=True,
                    batch_input_shape=[None, 2], dtype="float32")  # fmt: skip
    names = ["h/W:0", "h/W_carry:0", "h/b:0", "h/b_carry:0"]
    kept = {name: numbers(*(2, 2)[: 1 + ("W" in name)], seed=i) for i, name in enumerate(names)}
    written(path, [highway], {"h": kept}, "RMSprop", list(kept.values()), "2.0.8")
    for one, name in zip(slots(load_model(path)), [names[i] for i in (0, 2, 1, 3)], strict=True):
        np.testing.assert_array_equal(one, kept[name])
