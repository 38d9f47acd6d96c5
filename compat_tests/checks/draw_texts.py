"""Random configurations of the layers from texts and numbers to numbers of classes."""

from __future__ import annotations

import inspect

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from compat_tests import oracle
from compat_tests.checks.draw_arguments import _some, arguments, shape
from torchkeras import layers

_WORDS = ["a", "b", "fox", "The", "dog!", "déjà", "", "x-y", "[UNK]"]
_LETTERS = st.sampled_from(_WORDS)
_MODES = ["int", "multi_hot", "count", "tf_idf"]


def _array(draw, make, columns):
    rows = draw(st.integers(1, 4))
    return np.array([[make() for _ in range(columns)] for _ in range(rows)], dtype=object)


def _integers(draw, size, below):
    return np.random.default_rng(draw(st.integers(0, 99))).integers(0, below, size)


def _encoded(draw, config, count):
    """What a vocabulary of `count` words may be encoded as."""
    mode = config["output_mode"] = draw(st.sampled_from(_MODES))
    if mode == "tf_idf":
        config["idf_weights"] = [0.5 + n for n in range(count)]
    if mode != "int" and draw(st.booleans()):
        config |= {"max_tokens": 12, "pad_to_max_tokens": True}


def string_lookup(draw):
    words = draw(st.lists(st.sampled_from(["a", "b", "fox", "The"]), min_size=1, unique=True))
    config = {"vocabulary": words}
    config |= arguments(draw, "", mask_token=st.sampled_from([None, ""]))
    if draw(st.integers(0, 3)) == 0:
        config["invert"] = True
        return config, _integers(draw, (2, 3), 1 + len(words))
    config["num_oov_indices"] = draw(st.integers(1, 3))
    if config["num_oov_indices"] == 1:
        config |= arguments(draw, "", oov_token=st.sampled_from(["[UNK]", "?"]))
    _encoded(draw, config, len(words))
    return config | {"encoding": "utf-8"}, _array(draw, lambda: draw(_LETTERS), 2)


def text_vectorization(draw):
    words = draw(st.lists(st.sampled_from(["a", "b", "fox", "the", "f"]), min_size=1, unique=True))
    standards = [None, "lower", "strip_punctuation", "lower_and_strip_punctuation"]
    config = {"vocabulary": words, "standardize": draw(st.sampled_from(standards))}
    config["split"] = draw(st.sampled_from(["whitespace", "character"]))
    config["ngrams"] = draw(st.sampled_from([None, 1, 2, (1, 3)]))
    _encoded(draw, config, len(words))
    if config["output_mode"] == "int" and draw(st.booleans()):
        config["output_sequence_length"] = draw(st.integers(1, 5))
    text = st.lists(_LETTERS, max_size=5).map(" ".join)
    return config | {"encoding": "utf-8"}, _array(draw, lambda: draw(text), 1)


def hashing(draw):
    config = arguments(draw, "", num_bins=st.integers(1, 9))
    if draw(st.booleans()):
        config["salt"] = draw(
            st.one_of(st.integers(0, 999), st.lists(_some, min_size=2, max_size=2))
        )
    config["output_mode"] = draw(st.sampled_from(["multi_hot", "count", "int"]))
    if draw(st.booleans()):
        config |= arguments(draw, "", mask_value=st.sampled_from([None, "", "a"]))
        return config, _array(draw, lambda: draw(_LETTERS), 2)
    config |= arguments(draw, "", mask_value=st.sampled_from([None, 0, 3]))
    return config, _integers(draw, shape(draw, 2), 9)


def crossing(draw):
    config = arguments(draw, "", num_bins=st.integers(1, 9))
    config["output_mode"] = draw(st.sampled_from(["int", "one_hot"]))
    size = (draw(_some), 1)
    return config, [_integers(draw, size, 50), _integers(draw, size, 50)]


def discretization(draw):
    bounds = sorted(draw(st.lists(st.integers(-8, 8), min_size=1, max_size=5, unique=True)))
    mode = draw(st.sampled_from(["int", "multi_hot", "count", "one_hot"]))
    x = shape(draw, draw(st.integers(2, 3))) if mode == "int" else (draw(_some), draw(_some))
    values = _integers(draw, (*x[:-1], 1) if mode == "one_hot" else x, 33)
    config = {"bin_boundaries": [n / 4 for n in bounds], "output_mode": mode}
    return config, (values / 4 - 4).astype("float32")  # some on a boundary


def integer_lookup(draw):
    count = draw(st.integers(1, 3))
    config = {"vocabulary": list(range(1, 1 + count))}
    config |= arguments(draw, "", mask_token=st.sampled_from([None, 0]))
    config |= arguments(draw, "", oov_token=st.sampled_from([-1, -7]))
    config["vocabulary_dtype"] = "int64"  # TensorFlow has no table of another
    if draw(st.integers(0, 3)) == 0:
        return config | {"invert": True}, _integers(draw, shape(draw, 2), 1 + count)
    config["num_oov_indices"] = draw(st.integers(1, 3))
    _encoded(draw, config, count)
    return config, _integers(draw, shape(draw, 2), 6)


TEXTS = {
    "Discretization": discretization,
    "HashedCrossing": crossing,
    "IntegerLookup": integer_lookup,
    "StringLookup": string_lookup,
    "TextVectorization": text_vectorization,
    "Hashing": hashing,
}


def check_drawn_texts(name: str, examples: int, derandomize: bool = True) -> int:
    """Compare `examples` random configurations of a layer; how many there were."""
    seen = []

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # what fails is small enough
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def compare(data):
        config, inputs = TEXTS[name](data.draw)
        _compare(name, config, inputs)
        seen.append(config)

    compare()
    given_names = set().union(*seen)
    taken = [n for n in inspect.signature(getattr(layers, name)).parameters if n != "kwargs"]
    missing = set(taken) - given_names - {"sparse", "ragged", "num_bins", "epsilon"}
    assert examples < 40 or not missing, f"{name} was never given {missing}"
    return len(seen)


def _compare(name, config, inputs):
    import tensorflow as tf

    def tensors(one):
        if isinstance(one, list):
            return [tensors(part) for part in one]
        return tf.constant(one.tolist() if one.dtype == object else one)

    reference = getattr(oracle.tf_keras().layers, name)(**config)
    wanted = reference(tensors(inputs)).numpy()
    layer = getattr(layers, name)(**config)
    found = layer(inputs)
    if wanted.dtype == object:
        told = [[w.decode() for w in row] for row in wanted.tolist()]
        assert np.asarray(found).tolist() == told
    else:
        assert str(found.dtype)[6:] == wanted.dtype.name
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)
    if hasattr(reference, "get_vocabulary"):
        assert layer.get_vocabulary() == reference.get_vocabulary()
        assert layer.vocabulary_size() == reference.vocabulary_size()
