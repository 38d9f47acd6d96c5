"""torch's own losses, optimizers and modules in compile and in models, beside a loop by hand."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from torchkeras import Sequential, layers, losses, optimizers

X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
CLASSES = np.random.default_rng(1).integers(0, 3, 24)
NUMBERS = np.random.default_rng(2).normal(size=(24, 1)).astype("float32")
BINARY = np.random.default_rng(3).integers(0, 2, 24)

CASES = {
    "classes": (3, nn.CrossEntropyLoss(label_smoothing=0.1), CLASSES, torch.optim.AdamW),
    "numbers": (1, nn.SmoothL1Loss(), NUMBERS, lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "binary": (1, nn.BCEWithLogitsLoss(), BINARY, torch.optim.RMSprop),
}


@pytest.mark.parametrize("case", CASES)
def test_trains_as_by_hand(case):
    units, loss, y, optimizer = CASES[case]
    model = Sequential([layers.Dense(5, activation="tanh", input_shape=(4,)), nn.Linear(5, units)])
    net = copy.deepcopy(model)
    model.compile(optimizer, loss)
    model.fit(X, y, batch_size=8, epochs=3, shuffle=False, verbose=0)

    by_hand = optimizer(net.parameters())
    labels = torch.tensor(y) if case != "binary" else torch.tensor(y)[:, None].float()
    for _ in range(3):
        for start in range(0, 24, 8):
            by_hand.zero_grad()
            loss(net(torch.tensor(X[start : start + 8])), labels[start : start + 8]).backward()
            by_hand.step()
    for ours, theirs in zip(model.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_weights_are_refused_by_a_loss_that_averages_itself():
    model = Sequential([layers.Dense(3, input_shape=(4,))])
    model.compile("sgd", nn.CrossEntropyLoss())
    with pytest.raises(ValueError, match="CrossEntropyLoss is a torch loss"):
        model.fit(X, CLASSES, class_weight={0: 1.0, 1: 2.0, 2: 1.0}, verbose=0)


def test_a_loop_by_hand_over_a_keras_model():
    model = Sequential([layers.Dense(8, activation="relu", input_shape=(4,)), layers.Dense(3)])
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    x, y = torch.tensor(X), torch.tensor(CLASSES)
    first = loss(y, model(x)).item()
    model.train()
    for _ in range(30):
        optimizer.zero_grad()
        loss(y, model(x)).backward()
        optimizer.step()
    assert loss(y, model(x)).item() < first
    other = copy.deepcopy(model)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(x), model(x))


SCHEDULED = {
    "torch": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    "keras": lambda p: _built(optimizers.SGD(0.1), p),
}
SCHEDULES = {
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.8),
    "one cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(
        o, 0.3, total_steps=20, cycle_momentum=False
    ),
    "lambda": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step)),
}


def _built(optimizer, parameters):
    optimizer.build(parameters)
    return optimizer


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kind", SCHEDULED)
@pytest.mark.parametrize("as_function", [False, True])
def test_a_scheduler_of_torch_steps_after_each_update(kind, schedule, as_function):
    model = Sequential([layers.Dense(1, input_shape=(4,))])
    net = copy.deepcopy(model)
    if as_function and kind == "keras":
        return  # a Keras optimizer is bound before its scheduler is made

    def make(parameters):
        return SCHEDULES[schedule](SCHEDULED[kind](list(parameters)))

    model.compile(make if as_function else make(model.parameters()), "mse")
    model.fit(X, NUMBERS, batch_size=8, epochs=2, shuffle=False, verbose=0)
    scheduler = make(net.parameters())
    for _ in range(2):
        for start in range(0, 24, 8):
            scheduler.optimizer.zero_grad()
            part = slice(start, start + 8)
            nn.functional.mse_loss(
                net(torch.tensor(X[part])), torch.tensor(NUMBERS[part])
            ).backward()
            scheduler.optimizer.step()
            scheduler.step()
    for ours, theirs in zip(model.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert float(model.optimizer.learning_rate) == pytest.approx(scheduler.get_last_lr()[0])


def test_a_scheduler_that_needs_a_metric_says_so():
    model = Sequential([layers.Dense(1, input_shape=(4,))])
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="callbacks.ReduceLROnPlateau"):
        model.compile(torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer), "mse")
