"""Random changes of files and configs: only ValueError, OSError and TypeError come out."""

import json
import zipfile

import pytest

import torchkeras
from torchkeras import layers
from torchkeras.models import load_model, model_from_json

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

ALLOWED = (ValueError, OSError, TypeError)
QUICK = settings(
    max_examples=12, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 5), st.floats(-2, 2), st.text(max_size=4),
    st.lists(st.integers(-1, 3), max_size=3), st.just({}), st.just({"class_name": "Dense"}),
    st.just({"class_name": "Lambda", "config": {"function": ["4w==", None, None]}}),
)  # fmt: skip


def small_model():
    x = layers.Input((4, 3))
    y = layers.LSTM(2, return_sequences=True)(x)
    y = layers.Bidirectional(layers.GRU(2))(layers.Dense(3, activation="relu")(y))
    model = torchkeras.Model(x, layers.Dense(1)(y))
    model.compile("adam", "mse", metrics=["mae"])
    return model


def places(value, path=()):
    """The paths to all values in nested JSON."""
    yield path
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def attempt(act):
    try:
        act()
    except ALLOWED as error:
        assert str(error)


@QUICK
@given(data=st.data())
def test_json_with_other_values(data):
    config = json.loads(small_model().to_json())
    path = data.draw(st.sampled_from([path for path in places(config) if path]))
    text = json.dumps(changed(config, path, data.draw(VALUES)))
    attempt(lambda: model_from_json(text))


@QUICK
@given(data=st.data())
def test_archives_with_other_configs(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    small_model().save(folder / "good.keras")
    with (
        zipfile.ZipFile(folder / "good.keras") as good,
        zipfile.ZipFile(folder / "bad.keras", "w") as bad,
    ):
        config = json.loads(good.read("config.json"))
        path = data.draw(st.sampled_from([path for path in places(config) if path]))
        bad.writestr("config.json", json.dumps(changed(config, path, data.draw(VALUES))))
        bad.writestr("model.weights.h5", good.read("model.weights.h5"))
    attempt(lambda: load_model(folder / "bad.keras"))


@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5", ".safetensors"])
def test_files_with_other_bytes(ending, tmp_path):
    path, bad = tmp_path / f"good{ending}", tmp_path / f"bad{ending}"
    model = small_model()
    weights_only = ending in (".weights.h5", ".safetensors")
    model.save_weights(path) if weights_only else model.save(path)
    whole = path.read_bytes()

    @QUICK
    @given(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=8))
    def check(start, new):
        bad.write_bytes(whole[:start] + new + whole[start + len(new) :])
        attempt(lambda: model.load_weights(bad) if weights_only else load_model(bad))

    check()
