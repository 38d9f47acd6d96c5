"""Faults of files with large counts: `make_faults.py FOLDER` writes the table of docs/files.md.

For each format, and for the backups of `BackupAndRestore`: a writer is killed 200 times within
`fit`, a file is cut at every 1/50, 1000 single bits are flipped, loads fail, the disk is full, two
processes write while a third reads 100 times. FOLDER/faults.json has the numbers; what is there
already is not done again.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

import torchkeras  # noqa: E402
from compat_tests.parts import write_part  # noqa: E402
from compat_tests.processes import forked  # noqa: E402
from torchkeras import layers  # noqa: E402
from torchkeras.saving.state import read_state, write_state  # noqa: E402
from torchkeras.training import state as states  # noqa: E402

FORMATS = [".keras", ".h5", ".weights.h5", ".safetensors", ".pt", ".backup"]
_TENSORS = (".safetensors", ".pt")  # which hold no state of an optimizer
_WEIGHTS = (".weights.h5", *_TENSORS)
_LIMIT = 5  # seconds that a refusal may take


def model(units=8):
    """A small trained model with names that stay the same."""
    made = torchkeras.Sequential(
        [
            layers.Dense(units, input_shape=(units,), name="one"),
            layers.BatchNormalization(name="two"),
            layers.Dense(2, name="three"),
        ]
    )
    made.compile("adam", "mse")
    made.train_on_batch(np.ones((4, units), "float32"), np.zeros((4, 2), "float32"))
    return made


def write(made, path):
    if path.suffix == ".backup":
        write_state(str(path), {"model": states.take_model(made)})
    elif path.name.endswith(_WEIGHTS):
        made.save_weights(path)
    else:
        made.save(path)


def read(path):
    """What a file gives: all weights, and the optimizer's state where it has one."""
    if path.name.endswith((*_WEIGHTS, ".backup")):
        made = model()
        load(made, path)
    else:
        made = torchkeras.models.load_model(path)
    state = made.get_weights()
    if not path.name.endswith(_TENSORS):
        state = state + made.optimizer.get_weights()
    return [array.tobytes() for array in state]


def load(made, path):
    """Give a model what a file has for it; a backup of `fit` has more around that."""
    if path.suffix == ".backup":
        states.put_model(made, read_state(str(path))["model"], str(path))
    else:
        made.load_weights(path)


def truncation(folder: Path, ending: str, parts: int = 50) -> dict:
    """Cut at every part: each must be an error that names the file, soon, in little memory."""
    path, cut = folder / f"whole{ending}", folder / f"cut{ending}"
    write(model(), path)
    whole, unsafe = path.read_bytes(), []
    for part in range(parts):
        cut.write_bytes(whole[: len(whole) * part // parts])
        unsafe += _refusal(cut, f"{part}/{parts}")
    return {"format": ending, "cuts": parts, "unsafe": unsafe}


def bit_flips(folder: Path, ending: str, flips: int = 1000) -> dict:
    """Each must be an error that names the file, or change nothing."""
    path, flipped = folder / f"whole{ending}", folder / f"flipped{ending}"
    write(model(), path)
    whole, expected, draw = path.read_bytes(), read(path), random.Random(0)
    unsafe, refused = [], 0
    for _ in range(flips):
        place, bit = draw.randrange(len(whole)), draw.randrange(8)
        content = bytearray(whole)
        content[place] ^= 1 << bit
        flipped.write_bytes(content)
        try:
            if read(flipped) != expected:
                unsafe.append(f"byte {place} bit {bit}: silent change")
        except (ValueError, OSError, TypeError) as error:
            refused += 1
            if flipped.name not in str(error):
                unsafe.append(f"byte {place} bit {bit}: {type(error).__name__} {error}"[:200])
        except Exception as error:
            unsafe.append(f"byte {place} bit {bit}: {type(error).__name__} {error}"[:200])
    return {"format": ending, "flips": flips, "refused": refused, "unsafe": unsafe}


def failed_loads(folder: Path, ending: str) -> dict:
    """Files of another model and half files: weights, optimizer and generators stay as they are."""
    path, half = folder / f"whole{ending}", folder / f"half{ending}"
    write(model(4), path)
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    made, unsafe = model(), []
    before = _all_state(made)
    for bad in (path, half):
        loads = [lambda bad: load(made, bad)]
        if bad is half and not ending.endswith((*_WEIGHTS, ".backup")):
            loads.append(torchkeras.models.load_model)
        for attempt in loads:
            try:
                attempt(bad)
                unsafe.append(f"{bad.name} was read")
            except (ValueError, OSError):
                if _all_state(made) != before:
                    unsafe.append(f"{bad.name} changed something")
    return {"format": ending, "unsafe": unsafe}


def _all_state(made):
    arrays = made.get_weights() + made.optimizer.get_weights()
    return [a.tobytes() for a in arrays], torch.get_rng_state().numpy().tobytes()


def _forked(target, *arguments):
    """A process that has begun, as it tells by the pipe that is its first argument."""
    ready, tell = multiprocessing.Pipe(duplex=False)
    process = forked(target, tell, *arguments)
    tell.close()
    try:
        ready.recv()
    except EOFError:
        raise AssertionError("the writer ended before it began") from None
    return process


def _checkpoints(tell, path, epochs=10**6):
    """Train and save after each batch, until somebody ends the process."""
    if path.suffix == ".backup":
        save = torchkeras.callbacks.BackupAndRestore(path.parent, 1, delete_checkpoint=False)
        save._file = str(path)
    else:
        save = torchkeras.callbacks.ModelCheckpoint(
            path, save_weights_only=path.name.endswith(_WEIGHTS), save_freq=1
        )
    begun = torchkeras.callbacks.LambdaCallback(on_train_begin=lambda logs: tell and tell.send(1))
    x, y = np.ones((64, 256), "float32"), np.zeros((64, 2), "float32")
    model(256).fit(x, y, batch_size=4, epochs=epochs, verbose=0, callbacks=[begun, save])


def kills(folder: Path, ending: str, count: int = 200) -> dict:
    """SIGKILL at random moments of ModelCheckpoint: the path must load each time."""
    path, draw = folder / f"model{ending}", random.Random(0)
    _checkpoints(None, path, epochs=1)
    loaded, most, unsafe = 0, 0, []
    for number in range(count):
        process = _forked(_checkpoints, path)
        time.sleep(draw.uniform(0.0, 0.2))
        process.kill()
        process.join()
        most = max(most, len(list(folder.glob(f"*model{ending}*"))))
        try:
            load(model(256), path)
            loaded += 1
        except Exception as error:
            unsafe.append(f"kill {number}: {type(error).__name__} {error}"[:200])
    write(model(256), path)
    strays = len(list(folder.glob(f"*model{ending}*"))) - 1
    if most > 2 or strays:
        unsafe.append(f"{most} files beside each other, {strays} left after the next save")
    return {"format": ending, "kills": count, "loaded": loaded, "unsafe": unsafe}


def _saves(tell, path):
    made = model(64)
    tell.send(1)
    while True:
        write(made, path)


def two_writers(folder: Path, ending: str, count: int = 100) -> dict:
    """Two processes write one path over and over; whoever reads it finds a whole file."""
    path = folder / f"shared{ending}"
    write(model(64), path)
    writers = [_forked(_saves, path) for _ in range(2)]
    read_well, unsafe = 0, []
    for _ in range(count):
        try:
            load(model(64), path)
            read_well += 1
        except Exception as error:
            unsafe.append(f"{type(error).__name__} {error}"[:200])
    for process in writers:
        process.kill()
        process.join()
    write(model(64), path)
    if len(list(folder.glob(f"*shared{ending}*"))) > 1:
        unsafe.append("files are left over")
    return {"format": ending, "reads": count, "read": read_well, "unsafe": unsafe}


_FULL = """
import sys, os, resource
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from compat_tests import make_faults
path = Path(sys.argv[1])
made = make_faults.model(64)
make_faults.write(made, path)
before = path.read_bytes()
limit = path.stat().st_size // 2
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    make_faults.write(made, path)
    print("written")
except OSError as error:
    print("refused", path.name in str(error))
print("kept", path.read_bytes() == before, sorted(os.listdir(path.parent)))
"""


def full_disk(folder: Path, ending: str) -> dict:
    """No room for the new file: OSError that names it, the old one stays, nothing is left over."""
    path, root = folder / "full" / f"model{ending}", str(ROOT)
    path.parent.mkdir(exist_ok=True)
    printed = subprocess.run(
        [sys.executable, "-c", _FULL, str(path), root],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    expected = f"refused True\nkept True ['{path.name}']\n"
    unsafe = [] if printed.stdout == expected else [printed.stdout + printed.stderr]
    return {"format": ending, "unsafe": unsafe}


def _refusal(path, what):
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    try:
        read(path)
        return [f"{what}: was read"]
    except (ValueError, OSError) as error:
        said = str(error)
    except Exception as error:
        return [f"{what}: {type(error).__name__} {error}"]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    slow, large = time.perf_counter() - start > _LIMIT, grown > 2**17
    wrong = [] if path.name in said else [f"{what}: the file is not named: {said}"]
    return wrong + ([f"{what}: slow or large"] if slow or large else [])


FAULTS = {  # name in the table -> function, the number of it that the table shows
    "cut": (truncation, "cuts"),
    "a bit flipped": (bit_flips, "flips"),
    "loads that fail": (failed_loads, None),
    "disk full": (full_disk, None),
    "two writers, a reader": (two_writers, "reads"),
    "killed while saving": (kills, "kills"),
}


def page(found: dict[str, dict]) -> str:
    """The table: how often each fault was tried, and how often something unsafe came of it."""
    lines = ["| fault | " + " | ".join(f"`{ending}`" for ending in FORMATS) + " |\n"]
    lines.append("|---" * (1 + len(FORMATS)) + "|\n")
    for name, (fault, counted) in FAULTS.items():
        cells = []
        for ending in FORMATS:
            result = found.get(f"{fault.__name__} {ending}")
            if result is None:
                cells.append("not run")
                continue
            tried = f"{result[counted]} times" if counted else "tried"
            cells.append(f"{tried}, {len(result['unsafe'])} unsafe")
        lines.append(f"| {name} | " + " | ".join(cells) + " |\n")
    return "".join(lines)


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    notes = folder / "faults.json"
    found = json.loads(notes.read_text()) if notes.exists() else {}
    for fault, _ in FAULTS.values():
        for ending in FORMATS:
            place = folder / ending.strip(".").replace(".", "-")
            place.mkdir(exist_ok=True)
            key = f"{fault.__name__} {ending}"
            if key not in found:
                found[key] = fault(place, ending)
                print(key, found[key], flush=True)
                notes.write_text(json.dumps(found, indent=1))
                write_part(ROOT / "docs" / "files.md", "faults", page(found))
    write_part(ROOT / "docs" / "files.md", "faults", page(found))


if __name__ == "__main__":
    main()
