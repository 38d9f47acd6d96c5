"""Timed threads and enqueuers."""

import threading

import numpy as np
import pytest

import torchkeras
from compat_tests import oracle
from torchkeras import initializers, layers, utils


class Batches(utils.Sequence):
    epochs = 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return index

    def on_epoch_end(self):
        self.epochs += 1


def take(enqueuer, count, **arguments):
    enqueuer.start(**arguments)
    try:
        found = enqueuer.get()
        return [next(found) for _ in range(count)]
    finally:
        enqueuer.stop()


def test_ordered_enqueuer():
    sequence = Batches()
    enqueuer = utils.OrderedEnqueuer(sequence)
    assert not enqueuer.is_running()
    assert take(enqueuer, 12, workers=3, max_queue_size=4) == [*range(5), *range(5), 0, 1]
    assert sequence.epochs >= 2 and not enqueuer.is_running()
    mixed = take(utils.OrderedEnqueuer(Batches(), shuffle=True), 5)
    assert sorted(mixed) == list(range(5))


def test_generator_enqueuer():
    assert take(utils.GeneratorEnqueuer(iter(range(9))), 9) == list(range(9))
    enqueuer = utils.GeneratorEnqueuer(iter("ab"))
    enqueuer.start()
    assert list(enqueuer.get()) == ["a", "b"]
    enqueuer.stop()


def test_errors_of_threads_are_raised():
    class Broken(Batches):
        def __getitem__(self, index):
            raise KeyError("batch", index)

    with pytest.raises(KeyError, match="batch"):
        take(utils.OrderedEnqueuer(Broken()), 1)
    with pytest.raises(ValueError, match="use_multiprocessing"):
        utils.OrderedEnqueuer(Batches(), use_multiprocessing=True)
    with pytest.raises(ValueError, match="at least 1"):
        utils.OrderedEnqueuer(Batches()).start(workers=0)


def test_timed_thread():
    done = threading.Event()

    class Thread(utils.TimedThread):
        calls = 0

        def on_interval(self):
            self.calls += 1
            if self.calls == 3:
                done.set()

    with Thread(0.001) as thread:
        assert done.wait(10)
        thread.start()  # runs already
    thread.thread.join(10)
    assert not thread.is_alive() and thread.calls >= 3
    with pytest.raises(NotImplementedError, match="on_interval"):
        utils.TimedThread(1).on_interval()


@pytest.mark.parametrize(
    "base, new",
    [
        (["unk", "a", "b"], ["unk", "b", "c", "a"]),
        (("a",), ("b",)),
        (np.array(["a", "b"]), np.array(["b", "a"])),
    ],
)
def test_warmstart_embedding_matrix(base, new):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(len(base), 3)).astype("float32")
    others = rng.normal(size=(len(new), 3)).astype("float32")

    def theirs(keras):
        initializer = keras.initializers.Constant(others)
        return np.asarray(keras.utils.warmstart_embedding_matrix(base, new, rows, initializer))

    expected = oracle.ask(theirs)
    initializer = initializers.Constant(others)
    found = utils.warmstart_embedding_matrix(base, new, rows, initializer)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_warmstart_embedding_matrix_from_files(tmp_path):
    (tmp_path / "base.txt").write_text("a\nb\n")
    found = utils.warmstart_embedding_matrix(
        str(tmp_path / "base.txt"), ["b"], np.array([[1.0], [2.0]])
    )
    assert found.tolist() == [[2.0]]
    with pytest.raises(ValueError, match="no file.*absent"):
        utils.warmstart_embedding_matrix(str(tmp_path / "absent"), ["b"], np.zeros((1, 1)))
    with pytest.raises(ValueError, match="1 rows for 2 terms"):
        utils.warmstart_embedding_matrix(["a", "b"], ["b"], np.zeros((1, 1)))


def test_get_source_inputs():
    one, other = layers.Input((2,)), layers.Input((2,))
    both = layers.Concatenate()([layers.Dense(1)(one), other, one])
    assert [t is e for t, e in zip(utils.get_source_inputs(both), (one, other), strict=True)]
    dense = layers.Dense(3)
    dense(other)
    assert utils.get_source_inputs(None, dense, 0)[0] is other


def test_dataset_creator():
    creator = utils.experimental.DatasetCreator(lambda context: [context])
    assert creator(3) == [3]
    with pytest.raises(TypeError, match="function"):
        utils.experimental.DatasetCreator([1])
    with pytest.raises(ValueError, match="DistributedDataParallel"):
        utils.experimental.DatasetCreator(print, input_options=1)


@pytest.mark.parametrize(
    "module, name, way",
    [
        ("dtensor", "DeviceMesh", "torch.distributed"),
        ("estimator", "model_to_estimator", "model.fit"),
        ("export", "ExportArchive", "torch.export"),
    ],
)
def test_parts_that_need_tensorflow(module, name, way):
    with pytest.raises(AttributeError, match=f"{name}.*{way}"):
        getattr(getattr(torchkeras, module), name)
