"""What arrays may be: of pandas, of scipy, in files; and how they reach the device."""

import contextlib
import gc

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import oracle
from compat_tests.processes import check_python
from torchkeras.data import Dataset, arrays, transfer
from torchkeras.data.arrays import ArrayBatches
from torchkeras.data.streams import Stream

X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
X[X < -0.5] = 0
Y = X @ np.array([[1.0], [-2.0], [3.0]], "float32")


def linear():
    model = torchkeras.Sequential(
        [torchkeras.layers.Dense(1, input_shape=(3,), kernel_initializer="ones")]
    )
    model.compile("sgd", "mse")
    return model


def frame(_):
    return pytest.importorskip("pandas").DataFrame(X, columns=list("abc"))


def sparse(_):
    return pytest.importorskip("scipy.sparse").coo_matrix(X.astype("float64"))


def memory_map(folder):
    X.tofile(folder / "x.bin")
    return np.memmap(folder / "x.bin", "float32", "r", shape=X.shape)


def npy(folder):
    np.save(folder / "x.npy", X)
    return np.load(folder / "x.npy", mmap_mode="r")


def hdf5(folder):
    file = pytest.importorskip("h5py").File(folder / "x.h5", "w")
    return file.create_dataset("x", data=X)


ARRAYS = {
    "pandas": frame,
    "scipy": sparse,
    "memory map": memory_map,
    "npy": npy,
    "hdf5": hdf5,
    "read-only": lambda _: np.broadcast_to(X, X.shape),
    "big endian": lambda _: X.astype(">f8"),
    "list": lambda _: X.tolist(),
    "half": lambda _: X.astype("float16"),
    "a tensor": lambda _: torch.tensor(X),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_of_every_kind(kind, tmp_path):
    given = ARRAYS[kind](tmp_path)
    expected, model = linear(), linear()
    tolerance = {"rel": 1e-3 if kind == "half" else 1e-6}
    for shuffle in (False, True, "batch"):
        histories = []
        for one, x in ((expected, X), (model, given)):
            torch.manual_seed(0)
            histories.append(
                one.fit(x, Y, 8, epochs=2, shuffle=shuffle, verbose=0, validation_split=0.2).history
            )
        for name, values in histories[0].items():
            assert histories[1][name] == pytest.approx(values, **tolerance), (name, shuffle)
    np.testing.assert_allclose(
        model.predict(given, 8, verbose=0), expected.predict(X, 8, verbose=0), rtol=2e-3
    )
    assert model.evaluate(given, Y, verbose=0) == pytest.approx(
        expected.evaluate(X, Y, verbose=0), **tolerance
    )


@pytest.mark.parametrize("kind", ["pandas", "memory map", "list", "big endian"])
def test_slices_of_every_kind(kind, tmp_path):
    data = Dataset.from_tensor_slices({"x": ARRAYS[kind](tmp_path)}).shuffle(5, seed=1).batch(8)
    expected = Dataset.from_tensor_slices({"x": X}).shuffle(5, seed=1).batch(8)
    for one, other in zip(data, expected, strict=True):
        torch.testing.assert_close(one["x"].float(), other["x"])
    list(data.unbatch())


def test_mixed_columns_of_a_frame():
    pandas = pytest.importorskip("pandas")
    mixed = pandas.DataFrame({"a": [1, 2], "b": [True, False], "c": [0.5, 1.5]})
    assert linear().predict(mixed, verbose=0).shape == (2, 1)
    mixed["name"] = ["x", "y"]
    with pytest.raises(TypeError, match="column name; encode it"):
        linear().predict(mixed, verbose=0)
    by_column = ArrayBatches({name: mixed[name] for name in "abc"})
    assert {name: tuple(part.shape) for name, part in next(iter(by_column)).items()} == {
        "a": (2,), "b": (2,), "c": (2,)
    }  # fmt: skip


OBJECTS = {
    "one shape": ([np.zeros(3), np.zeros(3)], "np.stack"),
    "different shapes": ([np.zeros(3), np.zeros(2)], "pad them"),
    "numbers": ([1, 2], "astype"),
}


@pytest.mark.parametrize("case", OBJECTS)
def test_object_arrays(case):
    items, way_out = OBJECTS[case]
    array = np.empty(2, dtype=object)
    array[:] = items
    with pytest.raises(TypeError, match=way_out):
        linear().fit(array, Y[:2], verbose=0)


LARGE = """
import resource, numpy as np, torchkeras
from torchkeras.data import Dataset

rows, columns = 2**19, 1024
np.memmap("x.bin", "float32", "w+", shape=(rows, columns)).flush()
x = np.memmap("x.bin", "float32", "r", shape=(rows, columns))
y = np.zeros((rows, 1), "float32")
model = torchkeras.Sequential([torchkeras.layers.Dense(1, input_shape=(columns,))])
model.compile("sgd", "mse")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
model.fit(x[:64], y[:64], verbose=0)
before = peak()
model.fit(x, y, batch_size=32, steps_per_epoch=3, verbose=0)
model.fit(Dataset.from_tensor_slices((x, y)).shuffle(1000).batch(32).take(3), verbose=0)
model.predict(x, batch_size=32, steps=9, verbose=0)
print(peak() - before)
"""


@pytest.mark.parametrize("size", [1, 3, 64, 200])
def test_small_batches_are_copied_together(size, monkeypatch):
    x, y = np.random.default_rng(0).random((200, 5), "float32"), np.arange(200)
    found = {}
    for cached in (0, 2**10, 2**18):
        monkeypatch.setattr(arrays, "_CACHED", cached)
        torch.manual_seed(0)
        found[cached] = list(ArrayBatches(x, y, batch_size=size, shuffle=True))
    alone, *together = found.values()
    assert sorted(int(label) for _, labels in alone for label in labels) == list(range(200))
    for batches in together:
        for one, other in zip(alone, batches, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_memory_maps_are_not_loaded(tmp_path):
    """2 GiB in a file without blocks; what is read of it is a few pages."""
    grown = int(check_python("-c", LARGE, cwd=tmp_path))
    assert grown < 200, f"{grown} MiB"


class Counted(np.memmap):
    rows: list = []

    def __getitem__(self, index):
        found = super().__getitem__(index)
        Counted.rows.append(len(found))
        return found


def test_only_rows_of_batches_are_read(tmp_path):
    np.memmap(tmp_path / "x", "float32", "w+", shape=(4096, 3)).flush()
    x = Counted(tmp_path / "x", "float32", "r", shape=(4096, 3))
    model = linear()
    model.fit(x, np.zeros((4096, 1)), batch_size=32, steps_per_epoch=5, verbose=0)
    model.predict(x, batch_size=32, steps=4, verbose=0)
    read = [rows for rows in Counted.rows if rows > 1]  # one row tells how many bytes it has
    assert read == [32] * 9


def test_memory_of_batch_after_batch():
    model, x = linear(), X[:4]
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            model.predict_on_batch(x)
        before = len(gc.get_objects())
        for _ in range(200):
            model.predict_on_batch(x)
        assert len(gc.get_objects()) - before < 20
    finally:
        gc.enable()


# --- on the way to a GPU, with stand-ins where there is none -----------------------------------


class FakeCuda:
    """torch.cuda as `transfer` uses it; notes what is done, in order."""

    def __init__(self, free=1000):
        self.log, self.free, self.now = [], free, "current"

    def mem_get_info(self, device):
        return self.free, 2 * self.free

    def Stream(self, device):
        return self

    @contextlib.contextmanager
    def stream(self, stream):
        before, self.now = self.now, "side" if stream is self else "current"
        yield
        self.now = before

    def current_stream(self, device):
        return Current(self)

    def record_event(self):
        self.log.append(("event", self.now))
        return len(self.log)

    def wait_event(self, event):
        self.log.append(("wait", self.now))


class Current:
    """The stream on which work is done unless another is chosen."""

    def __init__(self, cuda):
        self.record_event, self.wait_event = cuda.record_event, cuda.wait_event


class There(torch.Tensor):
    """A tensor that is on the GPU already."""

    device = torch.device("cuda", 0)

    def record_stream(self, stream):
        pass


def test_what_is_there_already_stays_on_its_stream():
    cuda = FakeCuda()

    def move(batch):
        cuda.log.append(("move", cuda.now))
        return batch

    batches = [torch.ones(1).as_subclass(There) for _ in range(2)]
    assert len(list(transfer.moved(iter(batches), move, torch.device("cuda"), cuda))) == 2
    assert {place for _, place in cuda.log} == {"current"} and len(cuda.log) == 6


def test_batches_arrive_one_ahead():
    cuda = FakeCuda()
    taken = []

    def batches():
        for number in range(3):
            taken.append(number)
            yield torch.tensor([number])

    def move(batch):
        cuda.log.append(("move", cuda.now))
        return (batch, None)

    arriving = transfer.moved(batches(), move, torch.device("cuda"), cuda)
    assert next(arriving)[0].tolist() == [0] and taken == [0, 1]
    assert [batch[0].item() for batch in arriving] == [1, 2]
    once = [("move", "side"), ("event", "side")]
    assert cuda.log == [*once, *once, ("wait", "current"), *once, *[("wait", "current")] * 2]


def test_what_fits():
    cuda = FakeCuda(free=1000)
    assert transfer.fits(500, torch.device("cuda"), cuda)
    assert not transfer.fits(501, torch.device("cuda"), cuda)
    assert transfer.fits(10**15, torch.device("cpu"), cuda)


def test_what_does_not_fit_is_moved_batch_by_batch(monkeypatch):
    monkeypatch.setattr("torchkeras.data.arrays.fits", lambda size, device: False)
    monkeypatch.setattr("torchkeras.data.streams.fits", lambda size, device: False)
    meta = torch.device("meta")
    x = X.astype("float64")
    for batches in (
        ArrayBatches(x, Y, batch_size=8, shuffle=True, device=meta),
        Stream(Dataset.from_tensor_slices((x, Y)).batch(8), device=meta),
    ):
        for one in batches:
            assert [leaf.device.type for leaf in one] == ["meta", "meta"]
            assert {leaf.dtype for leaf in one} == {torch.float32}
    assert ArrayBatches(x, Y, device=meta)._flat[0].device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_stream_on_a_gpu():
    def batches():
        for start in range(0, 20, 8):
            yield X[start : start + 8], Y[start : start + 8]

    found = list(Stream(batches(), device=torch.device("cuda")))
    assert torch.cat([x for x, _ in found]).cpu().equal(torch.tensor(X))


def test_data_frames_as_in_tf_keras():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abc"))

    def run(keras):
        keras.backend.clear_session()
        model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        target = pandas.Series(Y[:, 0])
        return model.fit(table, target, batch_size=8, shuffle=False, verbose=0).history["loss"]

    assert run(torchkeras) == pytest.approx(oracle.ask(run), rel=1e-5)
