"""Readers of files under random input, guided by what it makes them do: a table of docs/files.md.

python compat_tests/long_fuzz.py FOLDER [SECONDS] [part of a reader's name]

Each reader gets good files that are changed at random, for so many seconds, from atheris
(libFuzzer, `pip install atheris`) in a process of its own. Allowed are ValueError, OSError and
TypeError that name the file; a crash, another error, 60 seconds or 4 GB are findings, and their
input is kept in FOLDER. Then files that torchkeras wrote are damaged at one place, which must be
refused or change nothing. FOLDER/fuzz.json has the numbers; what is there is not done again.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

ALLOWED = (ValueError, OSError, TypeError)
_LIMIT, _MEGABYTES = 60, 4096  # of one input


# --- readers ------------------------------------------------------------------------------------


class Reader:
    """A way to read a file: good files as bytes, and a function of changed bytes."""

    def __init__(self, keras, folder: Path):
        self.keras, self.folder = keras, folder
        self.model = small_model(keras)

    ending = ""
    is_whole = True  # whether the input is all of a file, so that damage to it must be found

    def good(self) -> list[bytes]:
        path = self.folder / f"good{self.ending}"
        self.write(path)
        return [path.read_bytes()]

    def write(self, path):
        if self.ending in (".h5", ".keras"):
            self.model.save(path)
        else:
            self.model.save_weights(path)

    def read(self, data: bytes):
        """The state of the model that the bytes give."""
        path = self.folder / f"bad{self.ending}"
        path.write_bytes(data)
        try:
            if self.ending in (".h5", ".keras"):
                return state(self.keras.models.load_model(path))
            self.model.load_weights(path)
            return state(self.model)
        except ALLOWED as error:
            assert path.name in str(error), f"the file is not named: {error!r}"
            raise


class H5(Reader):
    ending = ".h5"

    def good(self):
        """As torchkeras writes it, and as others do, without checksums."""
        import h5py

        (ours,) = super().good()
        path = self.folder / "foreign.h5"
        path.write_bytes(ours)
        with h5py.File(path, "r+") as file:
            del file.attrs["torchkeras_checksums"]
            newest = self._newest(file)
        return [ours, path.read_bytes(), newest]

    def _newest(self, file):
        """The same in the newest layout: names and texts in trees, arrays in chunks."""
        import h5py

        path = self.folder / "newest.h5"
        with h5py.File(path, "w", libver="latest", track_order=True) as copy:

            def put(name, member):
                if isinstance(member, h5py.Group):
                    made = copy.create_group(name, track_order=True)
                else:
                    shape = member.shape or None
                    made = copy.create_dataset(
                        name, data=member[()], chunks=shape, compression=shape and "gzip"
                    )
                for key, value in member.attrs.items():
                    made.attrs[key] = value

            file.visititems(put)
            for key, value in file.attrs.items():
                copy.attrs[key] = value
            for number in range(20):
                copy.attrs[f"text {number}"] = "x" * number
                copy.create_group(f"group {number}")
        return path.read_bytes()


class Archive(Reader):
    ending = ".keras"


class Weights(H5):
    ending = ".weights.h5"


class Safetensors(Reader):
    ending = ".safetensors"


class StateDict(Reader):
    ending = ".pt"


class Inspect(H5):
    """What tells the content of a file without making a model of it."""

    is_whole = False

    def read(self, data):
        from torchkeras.inspecting.files import inspect

        path = self.folder / "bad.h5"
        path.write_bytes(data)
        for line in inspect(str(path)).lines():
            assert line.isprintable(), line


class Configs(Reader):
    """JSON of a model, with other values at a few places."""

    is_whole = False
    values = [
        None, True, False, -1, 0, 1, 2, 7, 2**31, 10**30, 0.5, -1.0, 1e308, "", "relu", "x", "a/b",
        "../x", [], {}, [1], [None, 3], [[1, 2], [3, 4]], {"class_name": "Dense"}, "__lambda__",
        {"class_name": "Dense", "config": {"units": 2}},
    ]  # fmt: skip

    def good(self):
        return [bytes(64), bytes(range(64)), os.urandom(64)]

    def read(self, data):
        import atheris

        told = atheris.FuzzedDataProvider(data)
        config = json.loads(self.model.to_json())
        for _ in range(told.ConsumeIntInRange(1, 4)):
            holders = [one for one in _holders(config) if one]
            holder = holders[told.ConsumeIntInRange(0, len(holders) - 1)]
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = keys[told.ConsumeIntInRange(0, len(keys) - 1)]
            what = told.ConsumeIntInRange(0, len(self.values) + len(self.names) + 1)
            if what < len(self.values):
                holder[key] = self.values[what]
            elif what < len(self.values) + len(self.names):
                holder[key] = self.names[what - len(self.values)]
            elif what == len(self.values) + len(self.names):
                del holder[key]
            else:
                holder[key] = told.ConsumeInt(8)
        self.keras.models.model_from_json(json.dumps(config))

    @property
    def names(self):
        from torchkeras.layer import TABLE

        return sorted(TABLE.objects)


def _holders(value):
    if isinstance(value, (dict, list)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _holders(item)


class Index(Reader):
    """The entries of a checkpoint's index, in a table whose checksums are right."""

    is_whole = False

    def good(self):
        from torchkeras.saving.tensorflow.bundle import Bundle

        self.model.save_weights(str(self.folder / "bad"))
        bundle = Bundle(str(self.folder / "bad"))
        return [bytes(value) for value in bundle._raw.values()] + [self._graph(bundle)]

    @staticmethod
    def _graph(bundle):
        return bundle.texts("_CHECKPOINTABLE_OBJECT_GRAPH")[0]

    def read(self, data):
        from torchkeras.saving.tensorflow import table
        from torchkeras.saving.tensorflow.bundle import Bundle, write
        from torchkeras.saving.tensorflow.protobuf import encode

        prefix = str(self.folder / "bad")
        if data[:1] < b"\x80":  # as the object graph
            write(prefix, {"_CHECKPOINTABLE_OBJECT_GRAPH": data[1:]})
            raw = Bundle(prefix)._raw
        else:  # as the entry of some variable
            self.model.save_weights(prefix)
            raw = Bundle(prefix)._raw
            raw[sorted(raw)[sum(data[:1]) % len(raw)]] = data[1:]
        entries = {b"": encode((1, 1), (3, encode((1, 1))))}
        entries |= {key.encode(): bytes(value) for key, value in raw.items()}
        Path(prefix + ".index").write_bytes(table.write(sorted(entries.items())))
        try:
            self.model.load_weights(prefix)
        except ALLOWED as error:
            assert "bad" in str(error), f"the file is not named: {error!r}"
            raise


class Table(Reader):
    """The whole index, whose checksums random input hardly ever meets."""

    ending = ".index"

    def good(self):
        self.model.save_weights(str(self.folder / "bad"))
        return [(self.folder / "bad.index").read_bytes()]

    def read(self, data):
        (self.folder / "bad.index").write_bytes(data)
        try:
            self.model.load_weights(str(self.folder / "bad"))
            return state(self.model)
        except ALLOWED as error:
            assert "bad" in str(error), f"the file is not named: {error!r}"
            raise


class SavedModel(Reader):
    """`saved_model.pb` of a folder, or with another first byte its `keras_metadata.pb`."""

    is_whole = False

    def good(self):
        self.model.save(str(self.folder / "bad"))
        self.whole = {
            name: (self.folder / "bad" / name).read_bytes()
            for name in ("saved_model.pb", "keras_metadata.pb")
        }
        return [b"\0" + self.whole["saved_model.pb"], b"\1" + self.whole["keras_metadata.pb"]]

    def read(self, data):
        changed = "keras_metadata.pb" if data[:1] > b"\0" else "saved_model.pb"
        for name, content in self.whole.items():
            (self.folder / "bad" / name).write_bytes(data[1:] if name == changed else content)
        if not data[1:] and changed == "keras_metadata.pb":
            (self.folder / "bad" / changed).unlink()  # as TensorFlow before 2.5 has it
        try:
            self.keras.models.load_model(self.folder / "bad")
        except ALLOWED as error:
            assert "bad" in str(error), f"the folder is not named: {error!r}"
            raise


class Backup(Reader):
    """The header of a backup of `fit`, whose checksum is right."""

    is_whole = False

    def good(self):
        from torchkeras.saving.state import MAGIC, write_state
        from torchkeras.training.state import take_model, take_random

        path = self.folder / "good"
        write_state(str(path), {"model": take_model(self.model), "random": take_random()})
        whole = path.read_bytes()[len(MAGIC) :]
        length = int.from_bytes(whole[:8], "little")
        self.arrays = whole[12 + length :]
        return [whole[12 : 12 + length]]

    def read(self, data):
        from torchkeras.saving.state import MAGIC, read_state

        head = len(data).to_bytes(8, "little") + zlib.crc32(data).to_bytes(4, "little")
        (self.folder / "bad").write_bytes(MAGIC + head + data + self.arrays)
        read_state(str(self.folder / "bad"))


READERS = {  # as the table calls them
    "`.h5`": H5,
    "`.keras`": Archive,
    "`.weights.h5`": Weights,
    "safetensors": Safetensors,
    "`.pt`": StateDict,
    "JSON of models": Configs,
    "index of a checkpoint": Table,
    "entries and object graph of a checkpoint": Index,
    "SavedModel folder": SavedModel,
    "backup of `fit`": Backup,
    "`torchkeras inspect`": Inspect,
}


def small_model(keras):
    import numpy as np

    x = keras.layers.Input((4, 3))
    y = keras.layers.LSTM(2, return_sequences=True, name="lstm")(x)
    y = keras.layers.Dense(3, activation="relu", name="dense")(y)
    y = keras.layers.Bidirectional(keras.layers.GRU(2, name="gru"), name="both")(y)
    model = keras.Model(x, keras.layers.Dense(1, name="end")(y), name="small")
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((2, 4, 3), "float32"), np.ones((2, 1), "float32"))
    return model


def state(model):
    return [array.tobytes() for array in model.get_weights()]


# --- one reader, in its own process -------------------------------------------------------------


def fuzz(name: str, seconds: int, kept: Path) -> None:
    """Run libFuzzer, which ends the process."""
    import atheris

    with atheris.instrument_imports(include=["torchkeras"]):
        import torchkeras

    quiet()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    reader = READERS[name](torchkeras, folder)
    seeds = folder / "seeds"
    seeds.mkdir()
    for number, content in enumerate(reader.good()):
        (seeds / str(number)).write_bytes(content)

    def attempt(data):
        torchkeras.backend.clear_session()
        try:
            reader.read(data)
        except ALLOWED:
            pass

    options = [
        f"-max_total_time={seconds}", f"-timeout={_LIMIT}", f"-rss_limit_mb={_MEGABYTES}",
        f"-artifact_prefix={kept}/", "-max_len=100000", "-detect_leaks=0", "-len_control=0",
        "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(seeds)], attempt)
    atheris.Fuzz()


def quiet():
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)


def damage(name: str, count: int) -> dict:
    """Good files of torchkeras, damaged at one place: what is read must be what was written."""
    import torchkeras

    quiet()
    folder = Path(tempfile.mkdtemp(prefix="damage-"))
    reader = READERS[name](torchkeras, folder)
    whole = reader.good()[0]
    expected, draw, wrong = reader.read(whole), random.Random(0), []
    for _ in range(count):
        torchkeras.backend.clear_session()
        kind, content = damaged(whole, draw)
        try:
            if reader.read(content) != expected:
                wrong.append(f"{kind}: silent change")
        except ALLOWED:
            pass
        except Exception as error:
            wrong.append(f"{kind}: {type(error).__name__} {error}"[:300])
    shutil.rmtree(folder)
    return {"damaged": count, "wrong": wrong}


def _apart(name, count):
    """`damage` in a process of its own, which it may end."""
    code = f"import sys, json; sys.path.insert(0, {str(ROOT)!r})\n"
    code += "from compat_tests import long_fuzz\n"
    code += f"print('found', json.dumps(long_fuzz.damage({name!r}, {count})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    told = re.search("^found (.*)$", done.stdout, re.MULTILINE)
    return json.loads(told[1]) if told else {"damaged": count, "wrong": [done.stderr[-2000:]]}


def damaged(whole: bytes, draw: random.Random) -> tuple[str, bytes]:
    """A file that is damaged at one place, and how."""
    start = draw.randrange(len(whole))
    end = min(start + draw.choice((1, 4, 16, 512, 4096)), len(whole))
    kind = draw.choice(("cut off", "zeros", "other bytes", "bytes lost", "bytes twice"))
    middle = {
        "cut off": b"",
        "zeros": bytes(end - start),
        "other bytes": draw.randbytes(end - start),
        "bytes lost": b"",
        "bytes twice": whole[start:end] * 2,
    }[kind]
    rest = b"" if kind == "cut off" else whole[end:]
    return f"{kind} from {start} to {end}", whole[:start] + middle + rest


# --- all ----------------------------------------------------------------------------------------


def run(name: str, seconds: int, folder: Path) -> dict:
    kept = folder / re.sub(r"\W+", "-", name).strip("-")
    kept.mkdir(parents=True, exist_ok=True)
    began = time.time()
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, str(seconds), str(kept)],
        capture_output=True, text=True, errors="replace",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    counts = re.findall(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    found = {"inputs": int(counts[-1]) if counts else 0, "seconds": round(time.time() - began)}
    found["problem"] = "" if done.returncode == 0 else done.stderr[-3000:]
    if READERS[name].is_whole:
        found |= _apart(name, 1000)
    return found


def page(found: dict[str, dict]) -> str:
    """The table: how many inputs, and how many of them were findings."""
    lines = ["| reader | random inputs | findings | damaged at one place | findings |\n"]
    lines.append("|---|---:|---:|---:|---:|\n")
    for name in READERS:
        told = found.get(name)
        if told is None:
            lines.append(f"| {name} | not run | | | |\n")
            continue
        damaged = f"{told['damaged']:,} | {len(told['wrong'])}" if "damaged" in told else "|"
        lines.append(
            f"| {name} | {told['inputs']:,} | {int(bool(told['problem']))} | {damaged} |\n"
        )
    return "".join(lines)


def main(folder: str, seconds: str = "300", part: str = "") -> int:
    from compat_tests.parts import write_part

    place = Path(folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    notes = place / "fuzz.json"
    found = json.loads(notes.read_text()) if notes.exists() else {}
    for name in READERS:
        if name in found or part not in name:
            continue
        found[name] = run(name, int(seconds), place)
        print(name, found[name], flush=True)
        notes.write_text(json.dumps(found, indent=1))
    write_part(ROOT / "docs" / "files.md", "fuzz", page(found))
    return int(any(told["problem"] or told.get("wrong") for told in found.values()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    sys.exit(main(*sys.argv[1:]))
