"""`serialize_keras_object` and `deserialize_keras_object` beside tf_keras."""

import pytest

import torchkeras
from compat_tests import oracle

OBJECTS = {
    "layer": lambda keras: keras.layers.Dense(2, activation="relu", name="d"),
    "initializer": lambda keras: keras.initializers.HeNormal(seed=1),
    "regularizer": lambda keras: keras.regularizers.L2(0.5),
    "constraint": lambda keras: keras.constraints.MaxNorm(3),
    "schedule": lambda keras: keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5),
    "list": lambda keras: [keras.initializers.Zeros(), 1, "text", None],
}


@pytest.mark.parametrize("name", OBJECTS)
def test_goes_both_ways(name):
    theirs = oracle.ask(lambda keras: keras.saving.serialize_keras_object(OBJECTS[name](keras)))
    ours = torchkeras.saving.serialize_keras_object(OBJECTS[name](torchkeras))
    assert ours == theirs
    made = torchkeras.saving.deserialize_keras_object(theirs)
    assert torchkeras.saving.serialize_keras_object(made) == theirs


def test_other_names_are_refused():
    config = {"module": "os", "class_name": "system", "config": {}, "registered_name": None}
    with pytest.raises(TypeError, match="'system' of os"):
        torchkeras.saving.deserialize_keras_object(config)
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAA=="}}
    with pytest.raises(ValueError, match="Python code"):
        torchkeras.saving.deserialize_keras_object({"a": code})
