"""Every data set against tf.keras on the same small files: what is asked for, and what is made."""

import gzip
import importlib
import io
import json
import pickle
import tarfile
import zlib

import numpy as np
import pytest

from compat_tests import oracle
from compat_tests.processes import ROOT
from compat_tests.servers import serving
from torchkeras import config, datasets
from torchkeras.datasets import cifar, source
from torchkeras.utils import get_file

random = np.random.RandomState(3)


def texts(count):
    row = np.empty(count, dtype=object)
    for index in range(count):
        row[index] = random.randint(1, 40, random.randint(1, 12)).tolist()
    return row


def idx(array, header):
    return gzip.compress(bytes(header) + array.tobytes())


def npz(**arrays):
    body = io.BytesIO()
    np.savez(body, **arrays)
    return body.getvalue()


def cifar_archive(folder, labels, sizes):
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz", compresslevel=1) as archive:
        for name, size in sizes.items():
            data = np.zeros((size, 3072), "uint8")
            data[:3] = random.randint(0, 256, (3, 3072))
            batch = {b"data": data}
            for key, classes in labels.items():
                batch[key] = random.randint(0, classes, size).tolist()
            content = pickle.dumps(batch, 4)
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return body.getvalue()


def pictures(size):
    return random.randint(0, 256, (size, 28, 28)).astype("uint8")


def numbers(size):
    return random.randint(0, 10, size).astype("uint8")


FILES = {
    "mnist.npz": npz(
        x_train=pictures(5), y_train=numbers(5), x_test=pictures(2), y_test=numbers(2)
    ),
    "train-images-idx3-ubyte.gz": idx(pictures(5), 16),
    "train-labels-idx1-ubyte.gz": idx(numbers(5), 8),
    "t10k-images-idx3-ubyte.gz": idx(pictures(2), 16),
    "t10k-labels-idx1-ubyte.gz": idx(numbers(2), 8),
    "imdb.npz": npz(
        x_train=texts(30), y_train=random.randint(0, 2, 30), x_test=texts(20),
        y_test=random.randint(0, 2, 20)
    ),
    "reuters.npz": npz(x=texts(40), y=random.randint(0, 46, 40)),
    "boston_housing.npz": npz(x=random.rand(23, 13), y=random.rand(23)),
    "california_housing.npz": npz(
        x=random.rand(700, 8).astype("float32"), y=random.rand(700).astype("float32")
    ),
    "imdb_word_index.json": json.dumps({"the": 1, "müde": 2}).encode(),
    "reuters_word_index.json": json.dumps({"the": 1, "oil": 2}).encode(),
    "cifar-100-python.tar.gz": cifar_archive(
        "cifar-100-python", {b"fine_labels": 100, b"coarse_labels": 20}, {"train": 6, "test": 3}
    ),
    # tf.keras insists on batches of the real size.
    "cifar-10-python.tar.gz": cifar_archive(
        "cifar-10-batches-py", {b"labels": 10},
        {**{f"data_batch_{i}": 10000 for i in range(1, 6)}, "test_batch": 3},
    ),
}  # fmt: skip

CALLS = {
    "mnist": ("mnist", "load_data", {}),
    "mnist, own name": ("mnist", "load_data", {"path": "mine.npz"}),
    "fashion_mnist": ("fashion_mnist", "load_data", {}),
    "cifar10": ("cifar10", "load_data", {}),
    "cifar100": ("cifar100", "load_data", {}),
    "cifar100 coarse": ("cifar100", "load_data", {"label_mode": "coarse"}),
    "boston": ("boston_housing", "load_data", {}),
    "boston, other split": ("boston_housing", "load_data", {"test_split": 0.3, "seed": 1}),
    "imdb": ("imdb", "load_data", {}),
    "imdb, words": ("imdb", "load_data", {"num_words": 20, "skip_top": 3}),
    "imdb, no oov": ("imdb", "load_data", {"num_words": 20, "skip_top": 3, "oov_char": None}),
    "imdb, maxlen": ("imdb", "load_data", {"maxlen": 7, "seed": 5}),
    "imdb, no start": ("imdb", "load_data", {"start_char": None, "index_from": 10}),
    "imdb, bare": ("imdb", "load_data", {"start_char": None, "index_from": 0, "maxlen": 9}),
    "imdb index": ("imdb", "get_word_index", {}),
    "reuters": ("reuters", "load_data", {}),
    "reuters, all": ("reuters", "load_data", {
        "num_words": 20, "skip_top": 2, "maxlen": 8, "test_split": 0.4, "seed": 2,
        "start_char": 5, "oov_char": 6, "index_from": 7}),
    "reuters index": ("reuters", "get_word_index", {}),
    "reuters names": ("reuters", "get_label_names", {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def site():
    with serving() as site:
        site.files.update(FILES)
        yield site


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def fetch_from(site, cache, get_file, requests, **arguments):
    """`get_file` from `site`, its hash unchecked; what was asked for goes to `requests`."""
    arguments.pop("cache_dir", None)  # newer releases of tf_keras pass None
    arguments["cache_subdir"] = arguments.get("cache_subdir", "datasets")
    requests.append([str(value) for _, value in sorted(arguments.items())])
    del arguments["file_hash"]
    arguments["origin"] = site.url + arguments["origin"].rpartition("/")[2]
    return get_file(**arguments, cache_dir=str(cache))


def fetcher(site, cache, get_file, requests):
    def fetch(fname, origin, file_hash=None, **arguments):
        return fetch_from(
            site, cache, get_file, requests, fname=fname, origin=origin, file_hash=file_hash,
            **arguments
        )  # fmt: skip

    return fetch


def described(value):
    """Types, dtypes, shapes and content of a nested answer, as JSON can hold them."""
    if isinstance(value, (tuple, list)):
        return [described(item) for item in value]
    if isinstance(value, np.ndarray):
        content = value.tolist() if value.size < 1e5 else zlib.crc32(value.tobytes())
        return {"dtype": str(value.dtype), "shape": list(value.shape), "content": content}
    return value


@pytest.mark.parametrize("case", CALLS)
def test_like_tf_keras(case, site, cache, monkeypatch):
    name, function, arguments = CALLS[case]

    def theirs(keras):
        module = importlib.import_module(f"{keras.__name__}.src.datasets.{name}")
        requests = []
        if hasattr(module, "get_file"):
            real = keras.utils.get_file
            monkeypatch.setattr(module, "get_file", fetcher(site, cache, real, requests))
        return {"requests": requests, "made": described(getattr(module, function)(**arguments))}

    expected = oracle.ask(theirs)
    requests = []
    fetch = fetcher(site, cache / "ours", get_file, requests)
    monkeypatch.setattr(source, "get_file", fetch)
    monkeypatch.setattr(cifar, "get_file", fetch)
    made = described(getattr(getattr(datasets, name), function)(**arguments))
    assert made == expected["made"]
    assert sorted(requests) == sorted(expected["requests"])


@pytest.mark.parametrize("version, count", [("small", 600), ("large", 700)])
def test_california_housing(version, count, site, cache, monkeypatch):
    monkeypatch.setattr(source, "get_file", fetcher(site, cache / "ours", get_file, []))
    (x_train, y_train), (x_test, y_test) = datasets.california_housing.load_data(version)
    assert (len(x_train), len(x_test)) == (int(count * 0.8), count - int(count * 0.8))
    assert x_train.shape[1:] == (8,) and y_test.shape == (len(x_test),)
    with np.load(io.BytesIO(FILES["california_housing.npz"])) as file:
        rows = {row.tobytes(): price for row, price in zip(file["x"], file["y"], strict=True)}
    pairs = zip([*x_train, *x_test], [*y_train, *y_test], strict=True)
    assert all(rows[row.tobytes()] == price for row, price in pairs)


def test_channels_first(site, cache, monkeypatch):
    monkeypatch.setattr(cifar, "get_file", fetcher(site, cache / "ours", get_file, []))
    (last, _), _ = datasets.cifar100.load_data()
    config.set_image_data_format("channels_first")
    (first, _), _ = datasets.cifar100.load_data()
    assert first.shape == (6, 3, 32, 32)
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)


def test_other_content_than_the_real_one(site, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BASE_URL", site.url)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="incomplete or was changed"):
        datasets.mnist.load_data()
    assert not list((tmp_path / "datasets").iterdir())


WRONG = {
    "split": ("boston_housing", {"test_split": 1.5}, ValueError, "test_split"),
    "version": ("california_housing", {"version": "tiny"}, ValueError, "'tiny'"),
    "labels": ("cifar100", {"label_mode": "rough"}, ValueError, "'rough'"),
    "maxlen": ("imdb", {"maxlen": 1}, ValueError, "maxlen=1"),
    "reuters maxlen": ("reuters", {"maxlen": 1}, ValueError, "maxlen=1"),
    "name": ("imdb", {"words": 1}, TypeError, "words"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_argument(case, site, cache, monkeypatch):
    name, arguments, error, message = WRONG[case]
    monkeypatch.setattr(source, "get_file", fetcher(site, cache / "ours", get_file, []))
    with pytest.raises(error, match=message):
        getattr(datasets, name).load_data(**arguments)


def test_old_argument_name(site, cache, monkeypatch):
    monkeypatch.setattr(source, "get_file", fetcher(site, cache / "ours", get_file, []))
    expected = datasets.reuters.load_data(num_words=9)
    with pytest.warns(DeprecationWarning, match="num_words"):
        found = datasets.reuters.load_data(nb_words=9)
    assert described(found) == described(expected)


def test_digits_come_with_the_package():
    (x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
    assert (x_train.shape, y_train.shape) == ((1500, 8, 8), (1500,))
    assert (x_test.shape, y_test.shape) == ((297, 8, 8), (297,))
    assert x_train.dtype == y_train.dtype == np.uint8 and set(y_test) == set(range(10))
    with np.load(ROOT / "examples" / "digits.npz") as same:
        np.testing.assert_array_equal(np.concatenate([x_train, x_test]), same["x"])
        np.testing.assert_array_equal(np.concatenate([y_train, y_test]), same["y"])


def test_without_a_network_the_error_says_where_the_file_goes(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(source, "BASE_URL", "http://127.0.0.1:9/")  # nobody listens
    with pytest.raises(OSError) as raised:
        datasets.mnist.load_data()
    assert "http://127.0.0.1:9/mnist.npz" in str(raised.value)
    assert str(tmp_path / "datasets" / "mnist.npz") in str(raised.value)
