"""A file is at every moment the old one or the new one."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import torchkeras
from compat_tests.processes import ROOT, check_python
from torchkeras import layers
from torchkeras.models import load_model
from torchkeras.saving.files import kind_of, replacing


def small_model():
    return torchkeras.Sequential([layers.Dense(2, input_shape=(3,))])


def test_an_error_while_writing_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "model.h5"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half way"):
        with replacing(str(path)) as temporary:
            with open(temporary, "w") as file:
                file.write("new")
            raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.h5"]


def test_a_weight_that_cannot_be_written_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "model.h5"
    model = small_model()
    model.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(type(model.layers[0].bias), "value", property(lambda self: 1 / 0))
    for save in (model.save, model.save_weights):
        with pytest.raises(ZeroDivisionError):
            save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.h5"]


@pytest.mark.parametrize("save", ["save", "save_weights"])
def test_overwrite_false_is_an_error_where_nobody_can_answer(tmp_path, save):
    path = tmp_path / "model.h5"
    model = small_model()
    getattr(model, save)(path, overwrite=False)
    with pytest.raises(FileExistsError, match="model.h5.*overwrite"):
        getattr(model, save)(path, overwrite=False)


def test_a_user_at_a_terminal_is_asked(tmp_path, monkeypatch):
    path = tmp_path / "model.h5"
    path.write_text("old")

    class Terminal:
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    answers = iter(["perhaps", "n", "y"])
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    small_model().save(path, overwrite=False)
    assert path.read_text() == "old"
    small_model().save(path, overwrite=False)
    assert kind_of(path) == "h5"


def test_folders_are_made_links_followed_and_modes_kept(tmp_path):
    real, link = tmp_path / "deep" / "er" / "model.h5", tmp_path / "link.h5"
    model = small_model()
    model.save(real)
    os.chmod(real, 0o640)
    link.symlink_to(real)
    model.save(str(link))
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    with pytest.raises(IsADirectoryError):
        model.save(tmp_path / "deep", save_format="h5")


@pytest.mark.parametrize("ending", [".h5", ".keras", ".weights.h5", ".safetensors", ".pt"])
def test_where_files_have_no_reads_at_places(ending, tmp_path, monkeypatch):
    """As on Windows, where `os` has none of these."""
    path = tmp_path / f"model{ending}"
    model = torchkeras.Sequential([layers.Dense(700, input_shape=(600,)), layers.Dense(2)])
    whole = ending in (".h5", ".keras")
    for name in ("pread", "preadv", "pwrite", "pwritev"):
        monkeypatch.delattr(os, name)
    if whole:
        model.save(path)
        loaded = load_model(path)
    else:
        model.save_weights(path)
        loaded = torchkeras.models.clone_model(model)
        loaded.load_weights(path)
    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))


def test_a_killed_save_leaves_a_whole_file_and_the_next_one_cleans_up(tmp_path):
    path = tmp_path / "model.h5"
    model = torchkeras.Sequential([layers.Dense(500, input_shape=(500,))])
    model.save(path)
    program = (
        "import sys, torchkeras\n"
        "model = torchkeras.models.load_model(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "while True: model.save(sys.argv[1])\n"
    )
    for delay in (0.0, 0.03):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        np.testing.assert_array_equal(load_model(path).get_weights()[0], model.get_weights()[0])
        assert len(os.listdir(tmp_path)) <= 2
    model.save(path)
    assert os.listdir(tmp_path) == ["model.h5"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, resource, torchkeras\n"
        "from torchkeras import layers\n"
        "model = torchkeras.Sequential([layers.Dense(50, input_shape=(50,))])\n"
        "model.save('model.h5')\n"
        "before = open('model.h5', 'rb').read()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "for save in (model.save, model.save_weights):\n"
        "    try: save('model.h5')\n"
        "    except OSError as error: print(error)\n"
        "print(open('model.h5', 'rb').read() == before, sorted(os.listdir()))\n"
    )
    printed = check_python(program, cwd=tmp_path)
    assert printed.count("File too large") == 2
    assert printed.count("model.h5'") == 3
    assert "True ['model.h5', 'program.py']" in printed


def test_two_threads_save_to_one_path(tmp_path):
    path, model, problems = tmp_path / "model.h5", small_model(), []
    model.save(path)

    def save():
        try:
            for _ in range(20):
                model.save(path)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=save) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        load_model(path)
    assert not problems
    assert os.listdir(tmp_path) == ["model.h5"]


@pytest.mark.parametrize(
    "start, kind",
    [
        (b"\x89HDF\r\n\x1a\n", "h5"),
        (b"\0" * 512 + b"\x89HDF\r\n\x1a\n", "h5"),
        (b"PK\x03\x04", "keras"),
        (b"", "unknown"),
        (b"text", "unknown"),
    ],
)
def test_content_tells_the_kind(tmp_path, start, kind):
    (tmp_path / "file").write_bytes(start + b"\0" * 2000)
    assert kind_of(tmp_path / "file") == kind
    assert kind_of(tmp_path) == "folder"
    with pytest.raises(FileNotFoundError, match="nothing"):
        kind_of(tmp_path / "nothing")
