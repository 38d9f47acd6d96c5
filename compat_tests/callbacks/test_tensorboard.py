"""What the TensorBoard callback writes, read back by tensorboard's own reader."""

import glob
import json
from pathlib import Path

import numpy as np
import pytest

import torchkeras
from compat_tests.checks.printed import data, small_model
from torchkeras import Sequential, layers, optimizers
from torchkeras.callbacks import Callback, TensorBoard

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def read(folder):
    found = accumulator.EventAccumulator(str(folder), size_guidance={"images": 0, "histograms": 0})
    found.Reload()
    return found


def scalars(folder):
    found = read(folder)
    return {
        tag: [(event.step, event.value) for event in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
    }


def fit(model, folder, epochs=2, **arguments):
    x, y = data()
    callback = TensorBoard(folder, **arguments)
    return model.fit(x, y, 8, epochs, 0, [callback], 0.2, shuffle=False)


def test_epochs(tmp_path):
    history = fit(small_model(torchkeras), tmp_path).history
    train, validation = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    assert list(train) == ["epoch_loss", "epoch_mae", "epoch_mse"]
    for name, values in history.items():
        side = validation if name.startswith("val_") else train
        found = side["epoch_" + name.removeprefix("val_")]
        assert found == [(i, pytest.approx(v)) for i, v in enumerate(values)]
    steps = [step for step, _ in validation["evaluation_loss_vs_iterations"]]
    assert steps == [2, 4]


def test_batches_speeds_and_rates(tmp_path):
    model = small_model(
        torchkeras, optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5))
    )
    fit(model, tmp_path, update_freq=3, write_steps_per_second=True, epochs=4)
    train = scalars(tmp_path / "train")
    assert [step for step, _ in train["batch_loss"]] == [3, 6]
    assert all(value > 0 for _, value in train["batch_steps_per_second"])
    assert len(train["epoch_steps_per_second"]) == 4
    rates = [value for _, value in train["epoch_learning_rate"]]
    assert rates == sorted(rates, reverse=True) and len(set(rates)) == 4
    model = small_model(torchkeras)
    fit(model, tmp_path / "every", update_freq="batch")
    assert len(scalars(tmp_path / "every" / "train")["batch_mae"]) == 4


def test_weights_as_histograms_and_images(tmp_path):
    model = Sequential(
        [layers.Conv2D(3, 2, input_shape=(4, 4, 1)), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    x = np.zeros((8, 4, 4, 1), "float32")
    board = TensorBoard(tmp_path, histogram_freq=2, write_images=True)
    model.fit(x, np.zeros((8, 2)), epochs=3, verbose=0, callbacks=[board])
    found = read(tmp_path / "train")
    names = [w.name.replace(":", "_") for w in model.weights]
    assert sorted(found.Tags()["histograms"]) == sorted(f"{name}/histogram" for name in names)
    assert [event.step for event in found.Histograms(f"{names[0]}/histogram")] == [0, 2]
    kernel = found.Histograms(f"{names[0]}/histogram")[0].histogram_value
    assert kernel.num == 12
    images = {tag.rsplit("/image", 1)[0] for tag in found.Tags()["images"]}
    assert images == set(names)


def test_the_graph(tmp_path):
    model = small_model(torchkeras)
    fit(model, tmp_path)
    (event,) = read(tmp_path / "train").Tensors("keras")
    assert json.loads(event.tensor_proto.string_val[0])["class_name"] == "Sequential"
    fit(model, tmp_path / "none", write_graph=False)
    assert "keras" not in read(tmp_path / "none" / "train").Tags()["tensors"]


def test_embeddings(tmp_path):
    model = Sequential([layers.Embedding(5, 3, input_length=2, name="words"), layers.Flatten()])
    model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "labels.tsv"})
    model.fit(np.zeros((4, 2), int), np.zeros((4, 1)), verbose=0, callbacks=[board])
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "train/words-vectors.tsv"' in config and 'path: "labels.tsv"' in config
    vectors = np.loadtxt(tmp_path / "train" / "words-vectors.tsv")
    np.testing.assert_allclose(vectors, model.layers[0].get_weights()[0], rtol=1e-5)
    with pytest.raises(ValueError, match=r"embeddings_metadata.*\['other'\].*\['words'\]"):
        TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"other": "x"}).set_model(
            model
        )


def test_profile(tmp_path):
    fit(small_model(torchkeras), tmp_path, profile_batch=(2, 3))
    (path,) = glob.glob(str(tmp_path / "plugins" / "profile" / "*" / "*.pt.trace.json"))
    assert json.loads(Path(path).read_text())["traceEvents"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_files_after_an_error(tmp_path):
    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise ConnectionError

    x, y = data()
    board = TensorBoard(tmp_path)
    with pytest.raises(ConnectionError):
        small_model(torchkeras).fit(x, y, epochs=3, verbose=0, callbacks=[board, Fails()])
    assert len(scalars(tmp_path / "train")["epoch_loss"]) == 2 and board._writers == {}


@pytest.mark.parametrize(
    "wrong",
    [{"profile_batch": -1}, {"profile_batch": (3, 2)}, {"profile_batch": "a"}, {"update_freq": 0},
     {"update_freq": "epochs"}, {"unknown": 1}],
)  # fmt: skip
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="profile_batch|update_freq|unknown"):
        TensorBoard("logs", **wrong)
    TensorBoard("logs", profile_batch="2,4", write_grads=True)
