"""What a training step must not cost: more Python than a loop by hand, or a wait for the device."""

import gc
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from torchkeras import Sequential, layers

X = np.random.default_rng(0).normal(size=(3200, 20)).astype("float32")
Y = np.random.default_rng(1).integers(0, 10, 3200)


def three_dense():
    model = Sequential(
        [
            layers.Dense(64, activation="relu", input_shape=(20,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X[:64], Y[:64], verbose=0)
    return model


def by_hand():
    """The same training as a person writes it."""
    net = nn.Sequential(
        nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    data, labels = torch.from_numpy(X), torch.from_numpy(Y)

    def epoch(samples):
        order = torch.randperm(samples)
        total, right = torch.zeros(()), torch.zeros(())
        for start in range(0, samples, 32):
            index = order[start : start + 32]
            x, y = data[index], labels[index]
            optimizer.zero_grad(set_to_none=True)
            outputs = net(x)
            loss = F.cross_entropy(outputs, y)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(x)
            right += (outputs.argmax(-1) == y).sum()

    return epoch


def python_calls(run):
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def calls_per_step(epoch):
    """Calls that 90 more steps add, so that what a whole epoch costs once drops out."""
    epoch(320)
    return (python_calls(lambda: epoch(3200)) - python_calls(lambda: epoch(320))) / 90


def test_no_more_python_than_a_loop_by_hand():
    gc.collect()  # layers of other tests that add losses make every model look for them
    model = three_dense()
    ours = calls_per_step(lambda n: model.fit(X[:n], Y[:n], verbose=0))
    assert ours <= calls_per_step(by_hand())


class Reads(TorchFunctionMode):
    """Counts what makes the host wait for a value of a tensor."""

    def __init__(self):
        self.count = 0
        super().__init__()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in ("tolist", "numpy", "__array__", "cpu"):
            self.count += 1
        return function(*args, **(kwargs or {}))


class Scalars(TorchDispatchMode):
    """Counts `item()`, `float(tensor)`, `if tensor`, and selections by a mask."""

    def __init__(self):
        self.count = 0
        super().__init__()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        self.count += name in ("_local_scalar_dense", "nonzero", "masked_select")
        return function(*args, **(kwargs or {}))


def reads(run):
    with Reads() as named, Scalars() as scalars:
        run()
    return named.count + scalars.count


def recurrent():
    """Masks, dropout, clipping and batch statistics, which tempt to look at values."""
    model = Sequential(
        [
            layers.Embedding(20, 8, mask_zero=True, input_length=9),
            layers.LSTM(8, return_sequences=True, dropout=0.2),
            layers.GRU(8),
            layers.Dropout(0.3),
            layers.BatchNormalization(),
            layers.Dense(1, activation="sigmoid", kernel_regularizer="l2"),
        ]
    )
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy", "AUC"])
    model.optimizer.global_clipnorm = 1.0
    return model


def test_an_epoch_reads_nothing_but_its_result():
    tokens = np.random.default_rng(0).integers(0, 20, (3200, 9))
    cases = ((three_dense(), X, Y), (recurrent(), tokens, Y % 2))
    for model, x, y in cases:
        model.fit(x[:64], y[:64], verbose=0)
        few = reads(lambda m=model, x=x, y=y: m.fit(x[:64], y[:64], verbose=0))
        many = reads(lambda m=model, x=x, y=y: m.fit(x[:640], y[:640], verbose=0))
        assert many == few > 0
