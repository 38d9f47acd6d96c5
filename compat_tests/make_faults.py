"""Faults of files with large counts: `make_faults.py FOLDER` writes FOLDER/faults.json.

For each format: a writer is killed 200 times within ModelCheckpoint, a file is cut at every 1/50,
1000 single bits are flipped, loads fail, the disk is full.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np  # noqa: E402
import torch  # noqa: E402

import torchkeras  # noqa: E402
from torchkeras import layers  # noqa: E402

FORMATS = [".keras", ".h5", ".weights.h5", ".safetensors"]
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
    if path.name.endswith((".weights.h5", ".safetensors")):
        made.save_weights(path)
    else:
        made.save(path)


def read(path):
    """What a file gives: all weights, and the optimizer's state where it has one."""
    if path.name.endswith((".weights.h5", ".safetensors")):
        made = model()
        made.load_weights(path)
    else:
        made = torchkeras.models.load_model(path)
    state = made.get_weights()
    if not path.name.endswith(".safetensors"):
        state = state + made.optimizer.get_weights()
    return [array.tobytes() for array in state]


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
        loads = [made.load_weights]
        if bad is half and not ending.endswith((".weights.h5", ".safetensors")):
            loads.append(torchkeras.models.load_model)
        for load in loads:
            try:
                load(bad)
                unsafe.append(f"{bad.name} was read")
            except (ValueError, OSError):
                if _all_state(made) != before:
                    unsafe.append(f"{bad.name} changed something")
    return {"format": ending, "unsafe": unsafe}


def _all_state(made):
    arrays = made.get_weights() + made.optimizer.get_weights()
    return [a.tobytes() for a in arrays], torch.get_rng_state().numpy().tobytes()


_WRITER = """
import sys, numpy as np
sys.path.insert(0, sys.argv[2])
from compat_tests import make_faults
import torchkeras
made = make_faults.model(256)
weights_only = sys.argv[1].endswith((".weights.h5", ".safetensors"))
save = torchkeras.callbacks.ModelCheckpoint(
    sys.argv[1], save_weights_only=weights_only, save_freq=1)
print("ready", flush=True)
x, y = np.ones((64, 256), "float32"), np.zeros((64, 2), "float32")
made.fit(x, y, batch_size=4, epochs=10**6, verbose=0, callbacks=[save])
"""


def kills(folder: Path, ending: str, count: int = 200) -> dict:
    """SIGKILL at random moments of ModelCheckpoint: the path must load each time."""
    path, draw = folder / f"model{ending}", random.Random(0)
    root = str(Path(__file__).parent.parent)
    write(model(256), path)
    loaded, most = 0, 0
    while loaded < count:
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), root],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": root},
        )
        process.stdout.readline()
        time.sleep(draw.uniform(0.0, 0.5))
        process.kill()
        process.wait()
        process.stdout.close()
        most = max(most, len(list(folder.glob(f"*model{ending}*"))))
        made = model(256)
        made.load_weights(path)
        loaded += 1
    write(made, path)
    strays = len(list(folder.glob(f"*model{ending}*"))) - 1
    return {"format": ending, "kills": count, "loaded": loaded, "most files": most,
            "strays after the next save": strays}  # fmt: skip


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
    path, root = folder / f"model{ending}", str(Path(__file__).parent.parent)
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


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    found = {}
    for ending in FORMATS:
        place = folder / ending.strip(".").replace(".", "-")
        place.mkdir(parents=True, exist_ok=True)
        for fault in (truncation, bit_flips, failed_loads, full_disk, kills):
            found[f"{fault.__name__} {ending}"] = fault(place, ending)
            print(fault.__name__, found[f"{fault.__name__} {ending}"], flush=True)
    (folder / "faults.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
