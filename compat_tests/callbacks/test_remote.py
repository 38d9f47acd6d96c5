"""RemoteMonitor against a server on the loopback interface; averaged weights swapped in."""

import json
import logging
from urllib.parse import parse_qs

import numpy as np
import pytest

import torchkeras
from compat_tests.checks.printed import data, small_model
from compat_tests.servers import serving
from torchkeras import optimizers
from torchkeras.callbacks import (
    Callback,
    ModelCheckpoint,
    RemoteMonitor,
    SidecarEvaluatorModelExport,
    SwapEMAWeights,
    experimental,
)


@pytest.mark.parametrize("as_json", [False, True])
def test_each_epoch_is_sent(as_json):
    x, y = data()
    with serving() as site:
        monitor = RemoteMonitor(site.url[:-1], "/end/", "told", {"X-A": "1"}, as_json)
        history = small_model(torchkeras).fit(x, y, epochs=2, verbose=0, callbacks=[monitor])
    assert [path for path, _, _ in site.posted] == ["/end/", "/end/"]
    for epoch, (_, kind, body) in enumerate(site.posted):
        text = body.decode()
        found = json.loads(text if as_json else parse_qs(text)["told"][0])
        assert kind.endswith("json" if as_json else "urlencoded")
        assert found == {"epoch": epoch, **{k: v[epoch] for k, v in history.history.items()}}


def test_a_server_that_is_not_there(caplog):
    with serving() as site:
        site.answers["/publish/epoch/end/"] = lambda handler: handler.send_error(500)
        for root in (site.url[:-1], "http://127.0.0.1:9"):
            with caplog.at_level(logging.WARNING, "torchkeras"):
                RemoteMonitor(root).on_epoch_end(0, {"loss": np.float32(1)})
            assert f"could not reach RemoteMonitor root server at {root}" in caplog.text
    with pytest.raises(ValueError, match="root.*file:"):
        RemoteMonitor("file:///etc/")


def averaged(**arguments):
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    return small_model(torchkeras, optimizer), SwapEMAWeights(**arguments)


def test_averages_stand_in_for_weights(tmp_path):
    x, y = data()
    model, swap = averaged()
    seen = {}

    class Looks(Callback):
        def on_test_begin(self, logs=None):
            seen["test"] = self.model.get_weights()

        def on_epoch_end(self, epoch, logs=None):
            seen["average"] = [w.numpy() for w in self.model.optimizer.variables[1:5]]
            seen["train"] = self.model.get_weights()

    model.fit(x, y, verbose=0, callbacks=[swap, Looks()], validation_data=(x, y))
    for test, average, train in zip(*(seen[k] for k in ("test", "average", "train")), strict=True):
        np.testing.assert_array_equal(test, average)
        assert not np.array_equal(train, average)
    before = model.get_weights()
    model.predict(x, verbose=0, callbacks=[swap])
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_averages_are_saved(tmp_path):
    x, y = data()
    model, swap = averaged(swap_on_epoch=True)
    save = ModelCheckpoint(tmp_path / "{epoch}.h5", save_weights_only=True)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[swap, save])
    last = model.get_weights()
    other = small_model(torchkeras)
    other.load_weights(tmp_path / "2.h5")
    for one, two in zip(last, other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match="use_ema=False"):
        small_model(torchkeras).fit(x, y, verbose=0, callbacks=[SwapEMAWeights(True)])


def test_export_of_a_sidecar(tmp_path):
    x, y = data()
    (tmp_path / "ckpt-7").write_text("")
    export = SidecarEvaluatorModelExport(
        tmp_path / "{epoch}-{loss:.1f}.h5", tmp_path / "ckpt-{epoch}", monitor="loss"
    )
    model = small_model(torchkeras)
    model.evaluate(x, y, verbose=0, callbacks=[export])
    assert [p.name for p in tmp_path.glob("*.h5")][0].startswith("7-")
    assert experimental.BackupAndRestore is torchkeras.callbacks.BackupAndRestore
