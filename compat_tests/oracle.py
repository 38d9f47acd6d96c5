"""What the real tf_keras answers: asked live where it is installed, else read from `goldens/`.

`ask(compute)` returns `compute(tf_keras)`, any nesting of dicts, lists, arrays, numbers and
strings; `ask_keras3(compute)` asks Keras 3 on torch in the same way. `make_goldens.py` runs the
tests with `WRITE_GOLDENS=1` and stores every answer.
"""

from __future__ import annotations

import atexit
import copy
import json
import os
import warnings
from functools import cache
from pathlib import Path

import numpy as np

GOLDENS = Path(__file__).parent / "goldens"
WRITING = os.environ.get("WRITE_GOLDENS") == "1"
os.environ.setdefault("KERAS_BACKEND", "torch")  # before anything imports Keras 3
_answers: dict[str, dict[str, object]] = {}  # test file -> question -> answer
_asked: dict[str, int] = {}


@cache
def tf_keras():
    """The module, or None where it is absent or `NO_TF_KERAS=1` hides it."""
    if os.environ.get("NO_TF_KERAS") == "1":
        return None
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import tf_keras as module
        except ImportError:
            return None
    import logging

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return module


@cache
def keras3():
    """Keras 3 on its torch backend, or None where it is absent or `NO_TF_KERAS=1` hides it."""
    if os.environ.get("NO_TF_KERAS") == "1":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import keras as module
        except ImportError:
            return None
    known = module.__version__[0] == "3" and module.backend.backend() == "torch"
    return module if known else None


def ask(compute):
    """`compute(tf_keras)`, or its stored answer; a test's questions are known by their order."""
    return _ask(tf_keras, compute)


def ask_keras3(compute):
    """`compute(keras)` for Keras 3, or its stored answer."""
    return _ask(keras3, compute)


def _ask(oracle, compute):
    test = os.environ["PYTEST_CURRENT_TEST"].rsplit(" (", 1)[0]
    file, question = test.split("::", 1)
    file = ".".join(Path(file).with_suffix("").parts)
    count = _asked[test] = _asked.get(test, 0) + 1
    key = f"{question}#{count}"
    module = oracle()
    if module is None:
        stored = _read(file)
        if key not in stored:
            raise LookupError(
                f"No golden for {key}; run compat_tests/make_goldens.py with tf_keras and Keras 3."
            )
        return copy.deepcopy(stored[key])  # a test may take the answer apart
    if oracle is tf_keras:
        _forget_seed()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = plain(compute(module))
    if WRITING:
        _answers.setdefault(file, {})[key] = copy.deepcopy(answer)
    return answer


def _forget_seed():
    """TensorFlow's global seed as in a new process: no question depends on one before."""
    from tensorflow.python.eager import context

    context.set_global_seed(None)


def plain(answer):
    """Tensors as arrays, so that live and stored answers look the same."""
    if isinstance(answer, dict):
        return {key: plain(value) for key, value in answer.items()}
    if isinstance(answer, (list, tuple)):
        return [plain(value) for value in answer]
    if answer is None or isinstance(answer, (str, bool, int, float)):
        return answer
    if hasattr(answer, "as_list"):  # a TensorShape
        return answer.as_list()
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu()
        answer = answer.float() if str(answer.dtype) == "torch.bfloat16" else answer
    return np.asarray(answer)


def _write() -> None:
    GOLDENS.mkdir(exist_ok=True)
    for file, answers in _answers.items():
        data: list[bytes] = []
        stored = {key: _store(answer, data) for key, answer in answers.items()}
        index = json.dumps(stored, default=lambda number: number.item())
        blob = np.frombuffer(b"".join(data), np.uint8)
        np.savez_compressed(GOLDENS / f"{file}.npz", index=np.array(index), data=blob)


def _store(answer, data):
    if isinstance(answer, dict):
        return {"dict": [[key, _store(value, data)] for key, value in answer.items()]}
    if isinstance(answer, list):
        return [_store(value, data) for value in answer]
    if isinstance(answer, np.ndarray):
        if answer.dtype.kind not in "fiubc":
            return {"text": answer.astype(str).tolist()}
        start = sum(map(len, data))
        data.append(np.ascontiguousarray(answer).tobytes())
        return {"array": [str(answer.dtype), list(answer.shape), start]}
    return answer


@cache
def _read(file):
    with np.load(GOLDENS / f"{file}.npz") as stored:
        blob = stored["data"].tobytes()
        return {key: _load(value, blob) for key, value in json.loads(str(stored["index"])).items()}


def _load(stored, blob):
    if isinstance(stored, list):
        return [_load(value, blob) for value in stored]
    if not isinstance(stored, dict):
        return stored
    if "dict" in stored:
        pairs = ((tuple(k) if isinstance(k, list) else k, value) for k, value in stored["dict"])
        return {key: _load(value, blob) for key, value in pairs}
    if "text" in stored:
        return np.array(stored["text"], dtype=object)
    dtype, shape, start = stored["array"]
    count = int(np.prod(shape))
    return np.frombuffer(blob, dtype, count, start).reshape(shape).copy()


if WRITING:
    atexit.register(_write)
