"""Every example runs as a user runs it, on small data in place of the downloads."""

import io
import os
import re

import numpy as np
import pytest

from compat_tests.processes import ROOT, check_python
from compat_tests.servers import serving

EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))

# python -m torchkeras, with the data sets taken from a server of ours and their hashes unchecked
DRIVER = """
import runpy, sys
from torchkeras.datasets import source
real = source.get_file
source.BASE_URL = sys.argv.pop(1)
source.get_file = lambda fname, origin, file_hash: real(fname, origin)
runpy.run_module("torchkeras", run_name="__main__", alter_sys=True)
"""


def run(script, *arguments, folder, site=None):
    """What the example prints; `folder` is where it runs and its KERAS_HOME."""
    options = {"cwd": folder, "KERAS_HOME": str(folder / "home")}
    if site is None:
        return check_python("-m", "torchkeras", EXAMPLES / script, *arguments, **options)
    (folder / "driver.py").write_text(DRIVER)
    return check_python("driver.py", site.url, EXAMPLES / script, *arguments, **options)


def number_after(label, output):
    return float(re.search(rf"{label}:? +([0-9.]+)", output).group(1))


def npz(**arrays):
    body = io.BytesIO()
    np.savez(body, **arrays)
    return body.getvalue()


def test_digits_cnn(tmp_path):
    output = run("digits_cnn.py", folder=tmp_path)
    assert "1437 train samples, 360 test samples" in output
    assert number_after("Test accuracy", output) > 0.98
    assert "digits.h5 predicts the same as the model that was saved" in output
    assert (tmp_path / "digits.h5").stat().st_size > 100_000


def test_mnist_mlp(tmp_path):
    random = np.random.RandomState(0)
    labels = random.randint(0, 10, 400).astype("uint8")
    pictures = random.randint(0, 40, (400, 28, 28)).astype("uint8")
    pictures[np.arange(400), labels * 2] += 200  # a bright row says which digit
    with serving() as site:
        site.files["mnist.npz"] = npz(
            x_train=pictures[:300], y_train=labels[:300], x_test=pictures[300:],
            y_test=labels[300:],
        )  # fmt: skip
        output = run("mnist_mlp.py", 8, folder=tmp_path, site=site)
    assert "300 train samples" in output and "Downloading data from http" in output
    assert number_after("Test accuracy", output) > 0.9
    assert os.listdir(tmp_path / "home" / "datasets") == ["mnist.npz"]


def test_imdb_lstm(tmp_path):
    random = np.random.RandomState(0)

    def reviews(count):
        labels = random.randint(0, 2, count)
        rows = np.empty(count, dtype=object)
        for row, label in enumerate(labels):
            words = random.randint(10, 200, random.randint(5, 120))
            words[random.rand(len(words)) < 0.3] = 3 + label  # a word of praise or of blame
            rows[row] = words.tolist()
        return rows, labels

    x_train, y_train = reviews(250)
    x_test, y_test = reviews(60)
    with serving() as site:
        site.files["imdb.npz"] = npz(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        output = run("imdb_lstm.py", 8, 200, folder=tmp_path, site=site)
    assert "x_train shape: (200, 80)" in output and "x_test shape: (60, 80)" in output
    assert number_after("Test accuracy", output) > 0.85


def test_two_inputs(tmp_path):
    output = run("two_inputs.py", 6, folder=tmp_path)
    names = "loss, spend_loss, spend_mae, val_loss, val_spend_loss, val_spend_mae, "
    assert f"Measured: {names}val_will_order_accuracy, val_will_order_loss" in output
    first, last = re.search(r"Validation loss: (\S+) at first, (\S+) at last", output).groups()
    assert float(last) < 0.5 * float(first)
    assert output.count("orders with probability") == 3


@pytest.mark.parametrize("script", SCRIPTS)
def test_is_a_plain_keras_script(script):
    text = (EXAMPLES / script).read_text(encoding="utf-8")
    assert "torch" not in text
    assert f"`{script}`" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert callable(globals()["test_" + script.removesuffix(".py")])


def test_digits_are_all_there():
    with np.load(EXAMPLES / "digits.npz") as digits:
        x, y = digits["x"], digits["y"]
    assert x.shape == (1797, 8, 8) and y.shape == (1797,)
    assert x.dtype == y.dtype == np.uint8 and x.max() == 16
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
