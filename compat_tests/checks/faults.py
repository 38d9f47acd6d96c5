"""Training that is disturbed: killed, interrupted, out of disk or memory, and run for long.

Each fault is a function of a number of repetitions and a folder, so that a test can try a few and
`compat_tests/long_faults.py` many. A fault returns what it measured and raises AssertionError.
Processes are forked, which costs no imports.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import resource
import signal
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import torch

import torchkeras
from compat_tests.processes import forked
from torchkeras import Sequential, layers, optimizers
from torchkeras.callbacks import BackupAndRestore, Callback, CSVLogger, ModelCheckpoint
from torchkeras.saving.state import read_state

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(48, 6)).astype("float32"), RNG.normal(size=(48, 1)).astype("float32")


def model(units=5):
    made = Sequential([layers.Dense(units, "relu", input_shape=(6,)), layers.BatchNormalization()])
    made.add(layers.Dropout(0.2))
    made.add(layers.Dense(1))
    made.compile(optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    return made


class Slowly(Callback):
    """Gives faults time to strike between and within batches."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)


def _moments(count):
    return np.random.default_rng(1).uniform(0.0, 1.0, count)


# --- killed ------------------------------------------------------------------------------------


def killed_in_backup(count, folder, epochs=10_000):
    """SIGKILL while `BackupAndRestore` writes every second batch: the next run goes on."""
    started, resumed = folder / "started", 0
    for moment in _moments(count):
        saved = _position(folder)
        started.unlink(missing_ok=True)
        process = forked(_train_with_backup, folder, started, epochs)
        _wait_for(started, process)
        time.sleep(0.15 * moment)
        process.kill()
        process.join(30)
        began = tuple(map(int, started.read_text().split()))
        assert began >= saved, f"the backup was at {saved}, but the next run began at {began}"
        resumed += saved > (0, 0)
    strays = [name for name in os.listdir(folder / "backup") if name.endswith(".tmp")]
    assert len(strays) <= 1, strays
    return {"kills": count, "resumed": resumed, "position": _position(folder)}


def _position(folder):
    path = folder / "backup" / "training_state"
    if not path.exists():
        return 0, 0
    state = read_state(str(path))  # never damaged
    return state["epoch"], state["batch"]


def _train_with_backup(folder, started, epochs):
    class Tell(Callback):
        first = None

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_begin(self, batch, logs=None):
            if self.first is None:
                self.first = batch
                text = started.with_suffix(".part")
                text.write_text(f"{self.epoch} {batch}")
                text.rename(started)

    backup = BackupAndRestore(folder / "backup", save_freq=2)
    model().fit(X, Y, 8, epochs, 0, [backup, Tell(), Slowly(0.002)])


def _wait_for(path, process, seconds=60):
    end = time.time() + seconds
    while not path.exists():
        assert process.is_alive() or path.exists(), "the process ended before it began"
        assert time.time() < end, f"{path} did not come in {seconds} s"
        time.sleep(0.005)


# --- interrupted ---------------------------------------------------------------------------------


def interrupted(count, folder):
    """Ctrl-C at random moments: within a second, files closed, the model trains on."""
    longest = 0.0
    for number, moment in enumerate(_moments(count)):
        place = folder / str(number)
        place.mkdir()
        ours, theirs = multiprocessing.Pipe()
        process = forked(_train_until_interrupted, place, theirs)
        _wait_for(place / "started", process)
        time.sleep(0.1 * moment)
        sent = time.time()
        os.kill(process.pid, signal.SIGINT)
        assert ours.poll(60), "the process does not answer"
        answer = ours.recv()
        process.join(30)
        assert process.exitcode == 0 and answer["problem"] is None, answer
        longest = max(longest, answer["at"] - sent)
        with open(place / "log.csv", newline="") as file:
            header, *rows = csv.reader(file)
            assert rows and all(len(row) == len(header) for row in rows)
    assert longest < 1.0, f"it took {longest} s"
    return {"interrupts": count, "longest_seconds": round(longest, 3)}


def _train_until_interrupted(folder, pipe):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    made, log = model(), CSVLogger(folder / "log.csv")
    save = ModelCheckpoint(folder / "model.h5", save_weights_only=True)

    class Start(Callback):
        def on_epoch_end(self, epoch, logs=None):
            (folder / "started").touch()

    problem, threads = "no interrupt came", threading.active_count()
    try:
        made.fit(X, Y, 8, 10_000, 0, [log, save, Start(), Slowly(0.002)])
    except KeyboardInterrupt:
        at, problem = time.time(), None
    if log.csv_file is not None:
        problem = "the log is open"
    if threading.active_count() > threads:
        problem = "threads are left"
    try:
        made.fit(X, Y, verbose=0)
        model().load_weights(folder / "model.h5")
    except Exception as error:
        problem = f"afterwards: {error!r}"
    pipe.send({"problem": problem, "at": at})


# --- out of disk, of a folder, of memory ---------------------------------------------------------


def disk_full(count, folder):
    """A write that fails raises OSError from `fit`; the file before it stays as it was."""
    for kind in ("weights", "backup") * max(count // 2, 1):
        process = forked(_train_on_a_full_disk, folder, kind)
        process.join(60)
        assert process.exitcode == 0, f"{kind}: exit code {process.exitcode}"
    return {"runs": 2 * max(count // 2, 1)}


def _train_on_a_full_disk(folder, kind):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    made = model(300)
    path = folder / ("full.h5" if kind == "weights" else "full/training_state")
    callback = (
        ModelCheckpoint(path, save_weights_only=True)
        if kind == "weights"
        else BackupAndRestore(folder / "full", delete_checkpoint=False)
    )
    made.fit(X, Y, verbose=0, callbacks=[callback])
    before = path.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        made.fit(X, Y, epochs=3, verbose=0, callbacks=[callback])
    except OSError as error:
        good = path.read_bytes() == before and str(path) in str(error)
        good = good and not list(path.parent.glob("*.tmp"))
        os._exit(0 if good else 2)
    os._exit(3)


def folder_lost(count, folder):
    """The folder of checkpoints becomes unusable: OSError at the next save, never silence."""
    for number in range(count):
        place = folder / f"lost{number}"
        place.mkdir()

        class Lose(Callback):
            def on_epoch_begin(self, epoch, logs=None, place=place):
                if epoch == 2:
                    for path in place.iterdir():
                        path.unlink()
                    place.rmdir()
                    place.write_text("now a file")

        save = ModelCheckpoint(place / "{epoch}.h5", save_weights_only=True)
        seen = []
        note = torchkeras.callbacks.LambdaCallback(
            on_epoch_begin=lambda e, logs, seen=seen: seen.append(e)
        )
        try:
            model().fit(X, Y, epochs=5, verbose=0, callbacks=[Lose(), note, save])
        except OSError:
            assert seen == [0, 1, 2], seen
        else:
            raise AssertionError("no OSError")
    return {"runs": count}


def out_of_memory(count, folder):
    """A batch too large for the memory: an error that names its size, a model that trains on."""
    process = forked(_train_without_memory, count)
    process.join(120)
    assert process.exitcode == 0, f"exit code {process.exitcode}"
    return {"repeats": count}


def _train_without_memory(count):
    made = Sequential([layers.Dense(8, input_shape=(6,)), layers.Dense(4000), layers.Dense(1)])
    made.compile("adam", "mse")
    made.fit(X, Y, verbose=0)
    x, y = np.zeros((100_000, 6), "float32"), np.zeros((100_000, 1), "float32")
    weights = made.get_weights() + made.optimizer.get_weights()
    used = _memory("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (used + 700 * 2**20, -1))
    resident = []
    for _ in range(count):
        try:
            made.fit(x, y, batch_size=100_000, verbose=0)
        except (RuntimeError, MemoryError) as error:
            if "100000" not in str(error):
                os._exit(2)
        else:
            os._exit(3)
        resident.append(_memory("VmRSS"))
    same = made.get_weights() + made.optimizer.get_weights()
    if not all(np.array_equal(a, b) for a, b in zip(weights, same, strict=True)):
        os._exit(4)
    if resident[-1] > 1.2 * resident[0] + 2**25:
        os._exit(5)
    made.fit(x[:64], y[:64], verbose=0)
    os._exit(0)


# --- for long ------------------------------------------------------------------------------------


def soak(count, folder):
    """Epochs of fit, save, load and predict: memory, files and threads stay as many."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        made, path = model(), folder / "soak.h5"
        measured = []
        for epoch in range(count):
            made.fit(X, Y, 16, verbose=0)
            made.save(path)
            made = torchkeras.models.load_model(path)
            made.predict(X, verbose=0)
            torchkeras.backend.clear_session()
            if epoch >= count // 5:
                files = len(os.listdir("/proc/self/fd"))
                measured.append((_memory("VmRSS"), files, threading.active_count()))
    first, last = measured[0], measured[-1]
    grown = last[0] / first[0] - 1
    assert grown < 0.05, f"memory grew by {grown:.1%}"
    assert last[1:] == first[1:], f"files and threads went from {first[1:]} to {last[1:]}"
    assert [p.name for p in folder.iterdir() if p.suffix == ".tmp"] == []
    return {"epochs": count, "growth": round(grown, 4), "files": last[1], "threads": last[2]}


def _memory(what):
    """Bytes of this process: 'VmRSS' resident, 'VmSize' in all."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(what)


FAULTS = {  # name: (function, repetitions in a test, repetitions in full)
    "killed in backup": (killed_in_backup, 4, 200),
    "interrupted": (interrupted, 4, 100),
    "disk full": (disk_full, 2, 20),
    "folder lost": (folder_lost, 1, 20),
    "out of memory": (out_of_memory, 2, 20),
    "soak": (soak, 25, 2000),
}


def run(name, count, folder):
    """One fault, repeated; torch is kept to one thread, because processes are forked."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return FAULTS[name][0](count, folder)
    finally:
        torch.set_num_threads(threads)
