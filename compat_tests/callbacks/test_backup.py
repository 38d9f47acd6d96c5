"""An interrupted run that goes on from its backup ends bit for bit as one without interruption."""

import os
import random
import signal

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import torchkeras
from compat_tests.processes import ROOT, run_python
from torchkeras import Model, Sequential, layers, optimizers, saving
from torchkeras.callbacks import BackupAndRestore, Callback, EarlyStopping, ReduceLROnPlateau

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 6)).astype("float32"), RNG.normal(size=(40, 1)).astype("float32")


class Interrupt(Callback):
    """Stops the run after so many batches, as if the process had died."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise ConnectionError("interrupted")


class Note(Callback):
    """Which samples each batch had: the batch normalization's mean tells."""

    def __init__(self, trace):
        super().__init__()
        self.trace = trace

    def on_train_batch_end(self, batch, logs=None):
        self.trace.append((batch, float(logs["loss"]), float(self.model.noted)))


class Noting(Model):
    """Remembers the sum of each batch's inputs."""

    def __init__(self, optimizer, built=True):
        super().__init__()
        self.noted = 0.0
        self.stack = [
            layers.Dense(5, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.GaussianNoise(0.1, seed=3),
            layers.Dense(1),
        ]
        self.compile(optimizer(), "mse", metrics=["mae", torchkeras.metrics.RootMeanSquaredError()])
        if built:
            self(X[:1])

    def call(self, inputs, training=None):
        if self.training:
            self.noted = inputs.detach().double().sum()
        for layer in self.stack:
            inputs = layer(inputs)
        return inputs


def seeded():
    torchkeras.utils.set_random_seed(3)


def momentum():
    return optimizers.SGD(0.05, momentum=0.9)


class Batches(torchkeras.utils.Sequence):
    """Mixes its samples itself, as scripts do."""

    def __init__(self):
        self.indexes = np.arange(40)
        np.random.shuffle(self.indexes)

    def __len__(self):
        return 5

    def __getitem__(self, index):
        chosen = self.indexes[8 * index : 8 * index + 8]
        return X[chosen] + np.random.normal(size=(8, 1)).astype("float32"), Y[chosen]

    def on_epoch_end(self):
        np.random.shuffle(self.indexes)


def generator():
    while True:
        chosen = np.random.permutation(40)[:8]
        yield X[chosen], Y[chosen] * random.random()


def loader(workers=0):
    data = TensorDataset(torch.tensor(X), torch.tensor(Y))
    return DataLoader(data, batch_size=8, shuffle=True, num_workers=workers)


SOURCES = {
    "arrays": lambda: {"x": X, "y": Y, "batch_size": 8},
    "arrays, batches mixed": lambda: {"x": X, "y": Y, "batch_size": 8, "shuffle": "batch"},
    "arrays, validation": lambda: {
        "x": X, "y": Y, "batch_size": 6, "validation_split": 0.25
    },
    "arrays in order, few steps": lambda: {
        "x": X, "y": Y, "batch_size": 8, "steps_per_epoch": 3, "shuffle": False
    },
    "Sequence": lambda: {"x": Batches()},
    "generator": lambda: {"x": generator(), "steps_per_epoch": 5},
    "DataLoader": lambda: {"x": loader()},
    "DataLoader, workers": lambda: {"x": loader(2)},
    "Dataset": lambda: {
        "x": torchkeras.data.Dataset.from_tensor_slices((X, Y)).shuffle(40, seed=1).batch(8)
    },
}  # fmt: skip
OPTIMIZERS = {"momentum": momentum, "adam": lambda: optimizers.Adam(0.01)}


def train(folder, source, optimizer, save_freq, interrupt=None, built=True, epochs=4):
    """Everything that a run ends with; None where it was interrupted."""
    seeded()
    trace = []
    model = Noting(optimizer, built)
    callbacks = [
        BackupAndRestore(folder, save_freq),
        EarlyStopping("loss", patience=3, restore_best_weights=True),
        ReduceLROnPlateau("loss", patience=1, min_delta=0.3),
        Note(trace),
    ]
    callbacks += [Interrupt(interrupt)] if interrupt else []
    fit = {"epochs": epochs, "verbose": 0, **SOURCES[source]()}
    try:
        history = model.fit(callbacks=callbacks, **fit)
    except ConnectionError:
        return None, trace
    return {
        "history": {k: [float(v) for v in values] for k, values in history.history.items()},
        "epochs": history.epoch,
        "weights": model.get_weights(),
        "slots": model.optimizer.get_weights(),
        "random": [random.random(), np.random.rand(), torch.rand(()).item()],
    }, trace


def same(one, other):
    assert one.keys() == other.keys()
    for key in ("history", "epochs", "random"):
        assert one[key] == other[key], key
    for key in ("weights", "slots"):
        for a, b in zip(one[key], other[key], strict=True):
            assert np.array_equal(a, b), key


CASES = [
    *(
        (source, "momentum", freq, True)
        for source in SOURCES
        for freq in ("epoch", 3)
        if "workers" not in source
    ),
    ("DataLoader, workers", "momentum", 3, True),
    ("arrays", "adam", 1, True),
    ("arrays", "adam", "epoch", False),
    ("Sequence", "momentum", 4, False),
]


@pytest.mark.parametrize(("source", "optimizer", "save_freq", "built"), CASES)
def test_bitwise(source, optimizer, save_freq, built, tmp_path):
    arguments = (source, OPTIMIZERS[optimizer], save_freq)
    expected, whole = train(tmp_path / "a", *arguments, built=built)
    nothing, first = train(tmp_path / "b", *arguments, interrupt=9, built=built)
    assert nothing is None and os.listdir(tmp_path / "b") == ["training_state"]
    found, second = train(tmp_path / "b", *arguments, built=built)
    same(found, expected)
    at = len(whole) - len(second)
    assert first == whole[:9] and second == whole[at:] and 0 < at <= 9
    assert os.listdir(tmp_path / "b") == []


def test_three_interruptions(tmp_path):
    expected, _ = train(tmp_path / "a", "arrays", momentum, 2)
    for after in (4, 5, 6):
        assert train(tmp_path / "b", "arrays", momentum, 2, interrupt=after)[0] is None
    same(train(tmp_path / "b", "arrays", momentum, 2)[0], expected)


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
import numpy as np
from compat_tests.callbacks.test_backup import *

class Kill(Callback):
    left = int(sys.argv[2])
    def on_train_batch_end(self, batch, logs=None):
        Kill.left -= 1
        if not Kill.left:
            os.kill(os.getpid(), getattr(signal, sys.argv[3]))

seeded()
model = Noting(momentum)
backup = BackupAndRestore(sys.argv[1], 3, save_before_preemption=True)
history = model.fit(X, Y, 8, 4, 0, callbacks=[Kill(), backup])
np.savez(sys.argv[1] + ".npz", *model.get_weights(), *model.optimizer.get_weights())
"""


def test_processes_that_are_killed(tmp_path):
    (tmp_path / "run.py").write_text(SCRIPT.format(root=str(ROOT)))
    processes = [
        run_python("run.py", folder, after, kind, cwd=tmp_path)
        for folder, after, kind in (
            ("a", 100, "SIGKILL"), ("b", 5, "SIGKILL"), ("b", 6, "SIGTERM"), ("b", 100, "SIGKILL")
        )
    ]  # fmt: skip
    codes = [process.returncode for process in processes]
    assert codes == [0, -signal.SIGKILL, 143, 0], processes[3].stderr
    with np.load(tmp_path / "a.npz") as one, np.load(tmp_path / "b.npz") as other:
        for name in one:
            assert np.array_equal(one[name], other[name])


def test_a_position_that_cannot_be_restored(tmp_path):
    def run(interrupt):
        seeded()
        callbacks = [BackupAndRestore(tmp_path), *([Interrupt(9)] if interrupt else [])]
        Noting(momentum).fit(X, Y, 8, 4, 0, callbacks, steps_per_epoch=3)

    with pytest.raises(ConnectionError):
        run(True)
    with pytest.raises(ValueError, match="data position cannot be restored.*arrays are shuffled"):
        run(False)


def test_the_backup_of_another_model(tmp_path):
    with pytest.raises(ConnectionError):
        Noting(momentum).fit(X, Y, 8, 4, 0, [BackupAndRestore(tmp_path, 2), Interrupt(4)])
    other = Sequential([layers.Dense(1, input_shape=(6,))])
    other.compile("sgd", "mse")
    weights = other.get_weights()
    with pytest.raises(ValueError, match="training_state is the state of another model"):
        other.fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path, 2)])
    assert all(np.array_equal(a, b) for a, b in zip(weights, other.get_weights(), strict=True))


def test_a_damaged_backup(tmp_path):
    path = tmp_path / "training_state"
    for double in (False, True):
        backup = BackupAndRestore(tmp_path, 2, double_checkpoint=double)
        with pytest.raises(ConnectionError):
            Noting(momentum).fit(X, Y, 8, 4, 0, [backup, Interrupt(5)])
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        if not double:
            with pytest.raises(ValueError, match="training_state is .*damaged.*Remove it"):
                Noting(momentum).fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path)])
            path.unlink()
    history = Noting(momentum).fit(X, Y, 8, 2, 0, [BackupAndRestore(tmp_path, delete_checkpoint=0)])
    assert history.epoch == [0, 1] and path.exists()


def test_every_cut_and_many_flips_are_found(tmp_path):
    path = str(tmp_path / "state")
    value = {"a": [1, 2.5, float("inf"), None, True], 3: (torch.arange(5), np.ones((2, 3))),
             "b": torch.ones(3, dtype=torch.bfloat16), "c": np.float32(2), "d": b"xyz"}  # fmt: skip
    saving.state.write_state(path, value)
    read = saving.state.read_state(path)
    assert read["a"] == value["a"] and read["d"] == b"xyz" and read["c"] == 2
    assert torch.equal(read[3][0], torch.arange(5)) and read["b"].dtype is torch.bfloat16
    with open(path, "rb") as file:
        whole = file.read()
    rng = np.random.default_rng(0)
    damaged = [whole[: len(whole) * i // 50] for i in range(50)]
    for place in rng.integers(0, len(whole) * 8, 300):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << (place % 8)
        damaged.append(bytes(flipped))
    for data in damaged:
        with open(path, "wb") as file:
            file.write(data)
        with pytest.raises(ValueError, match="state"):
            saving.state.read_state(path)


@pytest.mark.parametrize(
    "wrong",
    [{"save_freq": 0}, {"save_freq": False}, {"save_freq": "epochs"}, {"save_freq": True},
     {"backup_dir": ""}],
)  # fmt: skip
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="save_freq|backup_dir"):
        BackupAndRestore(**{"backup_dir": "a", **wrong})
    with pytest.raises(TypeError, match="save_often"):
        BackupAndRestore("a", save_often=1)


def test_the_epochs_that_tf_keras_does_again(tmp_path):
    """History of the epochs that run: tf.keras' own documented example."""
    model = Sequential([layers.Dense(10, input_shape=(20,))])
    model.compile("sgd", "mse")

    class AtEpoch4(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 4:
                raise RuntimeError("Interrupting!")

    x, y = np.arange(100.0).reshape(5, 20) / 100, np.zeros((5, 10))
    backup = BackupAndRestore(tmp_path)
    with pytest.raises(RuntimeError):
        model.fit(x, y, 1, 10, 0, [backup, AtEpoch4()])
    seen = []
    note = torchkeras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(epoch)
    )
    history = model.fit(x, y, 1, 10, 0, [backup, note])
    assert seen == [4, 5, 6, 7, 8, 9] and len(history.epoch) == 10
