"""Keras scripts as users write them run unchanged: a sample; all by `run_scripts.py` nightly."""

import pytest

from compat_tests import run_scripts

SAMPLE = [
    "keras1_mnist_cnn",
    "keras1_merge_generator",
    "keras2_callbacks",
    "keras2_seq2seq",
    "keras3_ops_layers",
    "tf2_custom_loop",
    "tf2_dcgan",
    "tf2_functional_ops",
]


@pytest.mark.parametrize("name", SAMPLE)
def test_script(name, tmp_path):
    assert run_scripts.faults(name, tmp_path) == []


@pytest.mark.parametrize("name", ["keras2_callbacks", "tf2_functional_ops"])
def test_ported(name, tmp_path):
    """Rewritten for torchkeras, it runs by plain python and gives what tf.keras gave."""
    assert run_scripts.port_faults(name, tmp_path, run_scripts.wanted()[name]) == []


def test_differences_are_seen():
    one = {"loss": [1.0, 0.5], "names": ["a"]}
    assert run_scripts.differences(one, {"loss": [1.0001, 0.5], "names": ["a"]}) == []
    assert run_scripts.differences(one, {"loss": [1.01, 0.5], "names": ["a"]}) == [
        "results.loss[0]: 1.0 and 1.01"
    ]
    assert len(run_scripts.differences(one, {"loss": [1.0], "names": ["b"]})) == 2
    assert run_scripts.differences(one, {"loss": []}) != []


def test_every_script_is_recorded():
    assert set(run_scripts.wanted()) == set(run_scripts.names())
