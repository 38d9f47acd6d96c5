"""Hostile files: what they are made from, and what it means to refuse one.

Every attack is harmless: what it would run makes a marker file, what it would read is a decoy.
"""

from __future__ import annotations

import base64
import ctypes
import io
import json
import marshal
import os
import re
import resource
import sys
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import torchkeras
from torchkeras import layers
from torchkeras.saving.tensorflow.protobuf import encode, fields, message, number, text

DECOY = "decoy-7f3a"
LONGEST = 3000  # characters of a message
LARGEST = 2**27  # bytes by which the process may grow
SECONDS = 5.0


def small_model():
    model = torchkeras.Sequential(
        [layers.Dense(4, input_shape=(3,), name="dense"), layers.Dense(2, name="dense_1")]
    )
    model.compile("adam", "mse")
    model.train_on_batch(np.zeros((2, 3), "float32"), np.zeros((2, 2), "float32"))
    return model


def good_files(folder: Path) -> None:
    """A folder with good files of every format, decoys, and nothing named 'marker'."""
    (folder / "decoy.txt").write_text(DECOY)
    with h5py.File(folder / "decoy.h5", "w") as file:
        file["secret"] = np.full((3, 4), 7.0, "float32")
    (folder / "decoy.bin").write_bytes(np.full(12, 7.0, "float32").tobytes())
    model = small_model()
    for name in ("good.keras", "good.h5", "good"):
        model.save(folder / name)
    for name in ("good.weights.h5", "good.safetensors", "good.pt", "checkpoints/good"):
        model.save_weights(folder / name)


def refused(act, *errors, decoys=("decoy.txt", "decoy.h5", "decoy.bin")):
    """`act` fails clearly, soon, in little memory, without a trace; returns what was said."""
    watch = _Watch(decoys)
    files, modules = set(os.listdir()), set(sys.modules)
    before, start = _peak_of_memory(), time.perf_counter()
    with pytest.raises(errors or (ValueError, OSError)) as caught:
        act()
    assert time.perf_counter() - start < SECONDS
    assert _peak_of_memory(False) - before < LARGEST
    assert watch.opened() == [], "a decoy was opened"
    assert set(os.listdir()) == files and not os.path.exists("marker")
    assert not {"antigravity", "this"} & (set(sys.modules) - modules)
    said = str(caught.value)
    assert said and len(said) < LONGEST and DECOY not in said and "7.0, 7.0" not in said
    return said


class _Watch:
    """Tells which files are opened, where the system can tell: by inotify of Linux."""

    _OPEN = 0x20

    def __init__(self, names):
        self._names, self._handle = {}, -1
        if sys.platform != "linux":
            return
        library = ctypes.CDLL(None, use_errno=True)
        self._handle = library.inotify_init1(os.O_NONBLOCK)
        for name in filter(os.path.exists, names):
            mark = library.inotify_add_watch(self._handle, os.fsencode(name), self._OPEN)
            self._names[mark] = name

    def opened(self):
        if self._handle < 0:
            return []
        try:
            events = os.read(self._handle, 4096)
        except BlockingIOError:
            events = b""
        finally:
            os.close(self._handle)
        marks = np.frombuffer(events[: len(events) // 16 * 16], "int32")[::4]
        return [self._names.get(mark, "?") for mark in marks]


def _peak_of_memory(anew=True):
    """The most bytes that the process has held, since now if `anew`."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) * 1024


# --- files with other content ------------------------------------------------------------------


def archive(change=None, weights=None, name="bad.keras", **zip_options):
    """A copy of the good archive with another config or other weights."""
    with zipfile.ZipFile("good.keras") as good, zipfile.ZipFile(name, "w", **zip_options) as bad:
        for member in good.namelist():
            content = good.read(member)
            if member == "config.json" and change:
                config = json.loads(content)
                config = change(config) or config
                content = json.dumps(config).encode()
            if member == "model.weights.h5" and weights:
                content = inside(content, weights)
            bad.writestr(member, content)
    return name


def inside(content, change):
    """HDF5 content, changed by a function of the open file."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


def hdf5(change, name="bad.h5"):
    """A copy of the good HDF5 file with another config, and without checksums."""

    def rewrite(file):
        del file.attrs["torchkeras_checksums"]
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = json.dumps(change(config) or config)

    Path(name).write_bytes(inside(Path("good.h5").read_bytes(), rewrite))
    return name


def saved_model(change, name="bad"):
    """A copy of the good SavedModel folder whose root is described otherwise."""
    torchkeras.models.load_model("good.keras").save(name)
    path = Path(name, "keras_metadata.pb")
    nodes = []
    for _, node in fields(path.read_bytes()):
        told = dict(fields(message(node)))
        described = json.loads(text(told[5]))
        if number(told.get(2, 0)) == 0:
            described = change(described) or described
        entry = json.dumps(described)
        nodes.append((1, encode((2, number(told.get(2, 0))), (3, text(told[3])),
                                (4, text(told[4])), (5, entry))))  # fmt: skip
    path.write_bytes(encode(*nodes))
    return name


# --- entries of configs ------------------------------------------------------------------------

CODE = base64.b64encode(marshal.dumps(compile("open('marker', 'w')", "x", "eval"))).decode()
LAMBDA = {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}


def entry(module, class_name, config=None, **more):
    return {"module": module, "class_name": class_name, "config": config or {},
            "registered_name": None, **more}  # fmt: skip


def layer(class_name, **config):
    return entry("keras.layers", class_name, {"name": "x", **config})


def stack(*entries, shape=(None, 3)):
    """The config of a Sequential."""
    start = entry("keras.layers", "InputLayer", {"name": "in", "batch_input_shape": list(shape)})
    return entry("keras", "Sequential", {"name": "stack", "layers": [start, *entries]})
