"""Workers of `fit`: the same batches in order, errors as they were raised, nothing left."""

import gc
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras.data.workers import Work, by_number
from torchkeras.utils import PyDataset, Sequence

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [3.0]], "float32")
MAKERS = {
    "none": {"workers": 0},
    "one": {"workers": 1},
    "threads": {"workers": 3, "max_queue_size": 2},
    "a process": {"workers": 1, "use_multiprocessing": True},
    "processes": {"workers": 2, "use_multiprocessing": True, "max_queue_size": 4},
}


class Batches(Sequence):
    """Eight batches; `act(index)` is called for each."""

    def __init__(self, act=lambda index: None):
        self.act, self.epochs = act, 0

    def __len__(self):
        return 8

    def __getitem__(self, index):
        self.act(index)
        rows = slice(5 * index, 5 * index + 5)
        return X[rows] + self.epochs, Y[rows]

    def on_epoch_end(self):
        self.epochs += 1


def linear():
    model = torchkeras.Sequential(
        [torchkeras.layers.Dense(1, input_shape=(3,), kernel_initializer="ones")]
    )
    model.compile(torchkeras.optimizers.SGD(0.001), "mse")
    return model


@pytest.fixture(autouse=True)
def nothing_is_left():
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = multiprocessing.active_children(), set(threading.enumerate()) - before
        if not any(left):
            return
        time.sleep(0.01)
    assert left == ([], set())


@pytest.mark.parametrize("makers", MAKERS)
def test_the_same_numbers(makers):
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    expected, model = linear(), linear()
    loss = expected.fit(Batches(), validation_data=Batches(), **options).history
    found = model.fit(Batches(), validation_data=Batches(), **options, **MAKERS[makers]).history
    assert found == loss
    np.testing.assert_array_equal(
        model.predict(Batches(), verbose=0, **MAKERS[makers]), expected.predict(X, 5, verbose=0)
    )
    assert model.evaluate(Batches(), verbose=0, **MAKERS[makers]) == expected.evaluate(
        Batches(), verbose=0
    )


class Unusual(Exception):
    """An exception of the user's own."""


def fail(index):
    if index == 5:
        raise Unusual(f"batch {index} is bad", 7)


@pytest.mark.parametrize("makers", MAKERS)
def test_an_error_comes_as_it_was_raised(makers):
    model = linear()
    with pytest.raises(Unusual) as raised:
        model.fit(Batches(fail), shuffle=False, verbose=0, **MAKERS[makers])
    assert type(raised.value) is Unusual and raised.value.args == ("batch 5 is bad", 7)
    model.fit(Batches(), verbose=0, **MAKERS[makers])


def fail_with_what_cannot_travel(index):
    error = Unusual("held back")
    error.lock = threading.Lock()
    raise error


def test_an_error_that_cannot_travel_is_told():
    with pytest.raises(RuntimeError, match="Unusual: held back"):
        list(by_number(Batches(fail_with_what_cannot_travel), range(3), Work(2, True)))


def die(index):
    if index == 3 and multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)


# Torch tells of the death from a signal handler, wherever the main thread is: also between the
# making of a socket and the `with` that would close it.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_worker_that_dies_is_an_error():
    model = linear()
    started = time.monotonic()
    with pytest.raises(RuntimeError, match=r"worker .*pid.* \d+"):
        model.fit(Batches(die), shuffle=False, verbose=0, epochs=3, **MAKERS["processes"])
    assert time.monotonic() - started < 10
    model.fit(Batches(), verbose=0)
    gc.collect()  # here, where that warning is expected


@pytest.mark.parametrize("makers", MAKERS)
def test_training_that_stops_early_ends_the_workers(makers):
    class Stop(torchkeras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    history = linear().fit(Batches(), callbacks=[Stop()], epochs=5, verbose=0, **MAKERS[makers])
    assert history.epoch == [0]


class Devices(Sequence):
    """What a worker takes for the default device, and its random numbers."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        default = torchkeras.arrays.default_device()
        draws = [np.random.random(), torch.rand(()).item()]
        return default.type, os.getpid(), draws


def test_workers_keep_off_the_gpu_and_draw_the_same_whatever_their_number():
    state = torch.get_rng_state()
    one, two = (list(by_number(Devices(), range(4), Work(n, True), seed=3)) for n in (1, 2))
    assert [item[0] for item in two] == ["cpu"] * 4
    assert os.getpid() not in {item[1] for item in two} and len({item[1] for item in two}) == 2
    assert [item[2] for item in one] == [item[2] for item in two]
    assert len({item[2][0] for item in one}) == 4
    assert torch.equal(state, torch.get_rng_state())


def numbered(seen):
    for number in range(100):
        seen.append((number, threading.current_thread().name))
        yield X[:5], Y[:5]


def test_a_generator_runs_ahead_in_one_thread():
    seen = []
    options = {"steps_per_epoch": 4, "epochs": 2, "verbose": 0, "workers": 4}
    linear().fit(numbered(seen), max_queue_size=3, **options)
    assert [number for number, _ in seen] == list(range(len(seen)))
    assert {name for _, name in seen} == {"torchkeras-prefetch"}
    assert 8 <= len(seen) <= 8 + 3 + 2


def test_processes_do_not_share_a_generator():
    with pytest.warns(UserWarning, match="cannot be shared"):
        linear().fit(numbered([]), steps_per_epoch=2, verbose=0, workers=2,
                     use_multiprocessing=True)  # fmt: skip


def test_an_error_of_a_generator_that_runs_ahead():
    def failing():
        yield X[:5], Y[:5]
        raise Unusual("the end")

    with pytest.raises(Unusual, match="the end"):
        linear().fit(failing(), verbose=0, workers=2)


class Own(PyDataset):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen, self.begun = [], 0

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.seen.append(threading.current_thread().name)
        return X[:5], Y[:5]

    def on_epoch_begin(self):
        self.begun += 1


class Endless(Own):
    num_batches = None


def test_a_py_dataset_says_who_works():
    data = Own(workers=2)
    linear().fit(data, epochs=2, verbose=0)
    assert {name.rsplit("_", 1)[0] for name in data.seen[1:]} == {"torchkeras-map"}
    assert data.begun == 2
    assert linear().fit(Endless(), steps_per_epoch=3, epochs=2, verbose=0).epoch == [0, 1]


@pytest.mark.parametrize("wrong", [{"workers": -1}, {"max_queue_size": 0}, {"workers": 1.5}])
def test_wrong_numbers(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        linear().fit(Batches(), verbose=0, **wrong)
