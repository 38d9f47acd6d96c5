"""CSV files byte for byte, and means over batches."""

import numpy as np
import pytest

from compat_tests.checks.printed import check_same, data, small_model

HEAVY = {"loss": np.float32(0.1), "acc": 1, "list": [1, 2.5], "array": np.arange(2), "text": "a,b"}
EPOCHS = {
    "plain": ({}, [{"loss": 0.1, "acc": 0.30000001192092896}, {"loss": 1e-9, "acc": 1.0}]),
    "validation": ({}, [{"loss": 1, "val_loss": 2}, {"loss": 3, "val_loss": 4}]),
    "validation later": ({}, [{"loss": 1, "acc": 5}, {"loss": 3, "acc": 6, "val_loss": 4}]),
    "missing": ({}, [{"loss": 1, "val_loss": 2}, {"val_loss": 4}]),
    "separator": ({"separator": ";"}, [{"loss": 1}]),
    "values": ({}, [HEAVY, {**HEAVY, "array": np.array(3.0), "list": ()}]),
    "tab": ({"separator": "\t"}, [HEAVY]),
}


def _written(keras, path, epochs, **arguments):
    logger = keras.callbacks.CSVLogger(path, **arguments)
    logger.on_train_begin()
    for epoch, logs in enumerate(epochs):
        logger.on_epoch_end(epoch, dict(logs))
    logger.on_train_end()


@pytest.mark.parametrize("case", EPOCHS)
def test_csv(case, tmp_path):
    arguments, epochs = EPOCHS[case]

    def run(keras):
        path = tmp_path / "log.csv"
        _written(keras, path, epochs, **arguments)
        return path.read_bytes().decode()

    assert check_same(run).endswith("\r\n")


@pytest.mark.parametrize("append", [True, False])
@pytest.mark.parametrize("before", [None, "", "one\n"])
def test_csv_appended(append, before, tmp_path):
    def run(keras):
        path = tmp_path / "log.csv"
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_text(before)
        for _ in range(2):
            _written(keras, str(path), [{"loss": 1.0}], append=append)
        return path.read_bytes().decode()

    check_same(run)


def test_csv_in_fit(tmp_path):
    def run(keras):
        path = tmp_path / "log.csv"
        logger = keras.callbacks.CSVLogger(path)
        plateau = keras.callbacks.ReduceLROnPlateau(patience=2)
        model = small_model(keras)
        for _ in range(2):
            model.fit(*data(), 8, 2, 0, [plateau, logger], 0.25, shuffle=False)
        rows = [line.split(",") for line in path.read_text().splitlines()]
        return [rows[0], [[float(cell) for cell in row] for row in rows[1:]]]

    assert check_same(run)[0][:4] == ["epoch", "loss", "lr", "mae"]


def test_means_of_batches():
    def run(keras):
        logger = keras.callbacks.BaseLogger(stateful_metrics=["last"])
        logger.set_params({"metrics": ["loss", "last", "absent"]})
        logger.on_epoch_begin(0)
        for size, loss in ((4, 1.0), (2, 4.0)):
            logger.on_batch_end(0, {"size": size, "loss": loss, "last": loss})
        logs = {"other": 3}
        logger.on_epoch_end(0, logs)
        return logs

    assert check_same(run) == {"other": 3, "loss": 2.0, "last": 4.0}
