"""What a training step must not cost: more Python than a loop by hand; what a call costs once."""

import gc
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

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


ONCE = {  # Python calls of one batch, those of torch's modules included
    "predict": (lambda model: model.predict(X[:32], verbose=0), 200),
    "predict_on_batch": (lambda model: model.predict_on_batch(X[:32]), 170),
    "evaluate": (lambda model: model.evaluate(X[:32], Y[:32], verbose=0), 460),
    "train_on_batch": (lambda model: model.train_on_batch(X[:32], Y[:32]), 420),
}


@pytest.mark.parametrize("method", ONCE)
def test_a_call_costs_little(method):
    call, most = ONCE[method]
    model = three_dense()
    call(model)
    gc.collect()
    assert python_calls(lambda: call(model)) <= most
