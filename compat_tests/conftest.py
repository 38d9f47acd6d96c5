"""What every test starts from: no user settings, no downloads of the user's, known seeds."""

import os
import tempfile

# Before torchkeras or tf_keras is imported: both read keras.json from here.
_home = tempfile.TemporaryDirectory(prefix="keras-home-")
os.environ["KERAS_HOME"] = _home.name
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import random  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

from compat_tests import gpu_files, modes  # noqa: E402
from torchkeras import config, names  # noqa: E402

collect_ignore = ["old_keras", "packages", "scripts"]  # programs, which others run


def pytest_addoption(parser):
    parser.addoption("--steps", choices=modes.JIT, default="eager", help="how models run steps")
    parser.addoption(
        "--device",
        choices=["cpu", "both", "gpu"],
        default="cpu",
        help="gpu: all on a GPU that is played; both: only the tests that play one do so",
    )


def pytest_configure(config):
    modes.use(config.getoption("--steps"))
    if config.getoption("--device") == "gpu":
        from compat_tests import gpu

        gpu.use()
    if config.getoption("--steps") == "compiled":  # what torch's compiler warns of by itself
        for kind in ("DeprecationWarning", "UserWarning:torch"):
            config.addinivalue_line("filterwarnings", f"ignore::{kind}")


def pytest_ignore_collect(collection_path, config):
    """A GPU that is played changes torch for the whole process, which has to ask for it."""
    if config.getoption("--device") == "cpu" and gpu_files.plays(collection_path):
        return True
    return None


@pytest.fixture(autouse=True)
def fresh_start(request):
    """Seeded generators, automatic names from the beginning, default settings."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    names.reset()
    settings = config.floatx(), config.epsilon(), config.image_data_format(), config.jit_backend()
    yield
    config.set_floatx(settings[0])
    config.set_epsilon(settings[1])
    config.set_image_data_format(settings[2])
    config.set_jit_backend(settings[3])
    if request.config.getoption("--steps") == "compiled":  # torch counts them all
        torch.compiler.reset()


def pytest_collection_modifyitems(config, items):
    left_out = {"graph": modes.NOT_RECORDED, "compiled": modes.NOT_COMPILED}
    for part, why in left_out.get(config.getoption("--steps"), {}).items():
        for item in items:
            if part in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=why))
