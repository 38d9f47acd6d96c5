"""Models of Keras 1 that begin with a Merge of branches, and its merges in graphs."""

import numpy as np
import pytest

from compat_tests.checks.files import numbers
from compat_tests.checks.keras1 import dense, layer, saved
from torchkeras.models import load_model, model_from_config

MERGES = {
    "sum": {}, "mul": {}, "ave": {}, "max": {}, "concat": {"concat_axis": 1},
    "dot": {"dot_axes": [[1], [1]]}, "cos": {"dot_axes": 1},
}  # fmt: skip


@pytest.mark.parametrize("mode", MERGES)
def test_a_merge_of_branches(mode, tmp_path):
    path = str(tmp_path / "model.h5")
    names = ["one", "two"]
    branches = [
        {"class_name": "Sequential", "config": [dense(name, 3, batch_input_shape=[None, 2])]}
        for name in names
    ]
    merge = layer("Merge", "merge", layers=branches, mode=mode, mode_type="raw", **MERGES[mode])
    width = {"concat": 6, "dot": 1, "cos": 1}.get(mode, 3)
    config = {"class_name": "Sequential", "config": [merge, dense("end", 2)]}
    arrays = {name: [numbers(2, 3, seed=i), numbers(3)] for i, name in enumerate(names)}
    saved(path, config, {**arrays, "merge": [], "end": [numbers(width, 2), numbers(2)]})
    model = load_model(path, compile=False)
    a, b = numbers(4, 2), numbers(4, 2, seed=1)
    one, two = (x @ w + c for x, (w, c) in zip((a, b), arrays.values(), strict=True))
    unit = lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)  # noqa: E731
    joined = {
        "sum": one + two, "mul": one * two, "ave": (one + two) / 2, "max": np.maximum(one, two),
        "concat": np.concatenate([one, two], 1), "dot": (one * two).sum(1, keepdims=True),
        "cos": (unit(one) * unit(two)).sum(1, keepdims=True)[:, None],
    }[mode]  # fmt: skip
    expected = joined @ numbers(width, 2) + numbers(2)
    np.testing.assert_allclose(model.predict([a, b], verbose=0), expected, 1e-5, 1e-5)


def test_a_merge_by_code_is_refused():
    merge = layer("Merge", "sneaky", mode="4wAAA", mode_type="lambda")
    nodes = [[["x", 0, 0], ["x", 0, 0]]]
    config = {
        "name": "model", "input_layers": [["x", 0, 0]], "output_layers": [["sneaky", 0, 0]],
        "layers": [
            {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
             "config": {"name": "x", "batch_input_shape": [None, 2], "input_dtype": "float32"}},
            {**merge, "name": "sneaky", "inbound_nodes": nodes},
        ],
    }  # fmt: skip
    with pytest.raises(ValueError, match="'sneaky' holds Python code"):
        model_from_config({"class_name": "Model", "config": config})


def sequential(*entries):
    return {"class_name": "Sequential", "config": list(entries)}


def merge(name, *branches, mode="sum"):
    return layer("Merge", name, layers=list(branches), mode=mode, mode_type="raw", concat_axis=-1)


def first(name, units=3):
    return dense(name, units, batch_input_shape=[None, 2], input_dtype="float32")


def functional(name, entry):
    """A model of one layer, as a branch."""
    shape = {"name": f"{name}_in", "batch_input_shape": [None, 2], "input_dtype": "float32"}
    start = {"class_name": "InputLayer", "config": shape}
    return {
        "class_name": "Model",
        "config": {
            "name": name, "input_layers": [[f"{name}_in", 0, 0]],
            "output_layers": [[entry["config"]["name"], 0, 0]],
            "layers": [
                {**start, "name": f"{name}_in", "inbound_nodes": []},
                {**entry, "name": entry["config"]["name"],
                 "inbound_nodes": [[[f"{name}_in", 0, 0]]]},
            ],
        },
    }  # fmt: skip


TREES = {  # what begins the model -> names of its layers with weights, what they make of inputs
    "a merge in a branch": (
        merge("m2", sequential(merge("m1", sequential(first("a")), sequential(first("b"))),
                               dense("c", 3)), sequential(first("d")), mode="mul"),
        "abcd", lambda a, b, c, d: lambda x, y, z: c(a(x) + b(y)) * d(z), 3,
    ),
    "a model as a branch": (
        merge("m", functional("f", first("a")), sequential(first("b")), mode="ave"),
        "ab", lambda a, b: lambda x, y: (a(x) + b(y)) / 2, 2,
    ),
    "a branch in two places": (
        merge("m", sequential(first("a"), dense("b", 3)), sequential(first("a"), dense("c", 3))),
        "abc", lambda a, b, c: lambda x: b(a(x)) + c(a(x)), 1,
    ),
    "a nested model first": (
        sequential(merge("m", sequential(first("a")), sequential(first("b")))),
        "ab", lambda a, b: lambda x, y: a(x) + b(y), 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_trees_of_branches(name, tmp_path):
    path = str(tmp_path / "model.h5")
    start, letters, made, count = TREES[name]
    arrays = {x: [numbers(3 if x in "c" else 2, 3, seed=i), numbers(3, seed=i)]
              for i, x in enumerate(letters)}  # fmt: skip
    if name == "a branch in two places":
        arrays["b"][0], arrays["c"][0] = numbers(3, 3), numbers(3, 3, seed=1)
    groups = dict(arrays)
    if name == "a nested model first":  # whose name no config tells
        groups = {"sequential_7": arrays["a"] + arrays["b"]}
    groups["end"] = [numbers(3, 2, seed=5), numbers(2, seed=6)]
    saved(path, sequential(start, dense("end", 2)), groups)
    inputs = [numbers(4, 2, seed=i) for i in range(count)]
    functions = [lambda x, w=w, b=b: x @ w + b for w, b in arrays.values()]
    joined = made(*functions)(*inputs)
    found = load_model(path, compile=False).predict(inputs, verbose=0)
    np.testing.assert_allclose(found, joined @ groups["end"][0] + groups["end"][1], 1e-4, 1e-4)


def test_a_merge_of_keras_2_gives_cosines_of_one_axis():
    new = {"units": 3, "activation": "linear", "use_bias": True, "batch_input_shape": [None, 2]}
    branches = [sequential(layer("Dense", name, **new)) for name in "ab"]
    start = layer("Merge", "m", layers=branches, mode="cos", mode_type="raw", dot_axes=[1, 1])
    assert model_from_config(sequential(start)).output_shape == (None, 1)
