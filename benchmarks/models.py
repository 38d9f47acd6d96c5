"""The measured networks: each as a Keras model and as the torch module and loop of a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass
class Case:
    """A network twice, with its data: `keras(k)` builds for any Keras, `torch()` by hand."""

    keras: Callable
    torch: Callable
    data: Callable
    batch: int


def mlp(k):
    layers = k.layers
    return k.Sequential(
        [
            layers.Dense(512, activation="relu", input_shape=(784,)),
            layers.Dense(512, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def torch_mlp():
    return nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )


def tiny(k):
    layers = k.layers
    return k.Sequential(
        [
            layers.Dense(16, activation="relu", input_shape=(8,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def torch_tiny():
    return nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)
    )


def cnn(k):
    layers = k.layers
    return k.Sequential(
        [
            layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def torch_cnn():
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    return net.to(memory_format=torch.channels_last)


def lstm(k):
    layers = k.layers
    return k.Sequential(
        [layers.LSTM(64, input_shape=(50, 32)), layers.Dense(10, activation="softmax")]
    )


def masked_lstm(k):
    layers = k.layers
    return k.Sequential(
        [
            layers.Embedding(1000, 32, mask_zero=True),
            layers.LSTM(64),
            layers.Dense(10, activation="softmax"),
        ]
    )


class TorchLSTM(nn.Module):
    """An LSTM whose last state is classified."""

    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(32, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[1][0][0])


class TorchMaskedLSTM(nn.Module):
    """The usual way with padded sequences: pack_padded_sequence, lengths known on the CPU."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(1000, 32)
        self.rnn, self.head = nn.LSTM(32, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        lengths = (x != 0).sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            self.table(x), lengths, batch_first=True, enforce_sorted=False
        )
        return self.head(self.rnn(packed)[1][0][0])


def _numbers(*shape):
    def make(rng, samples):
        return rng.normal(size=(samples, *shape)).astype("float32")

    return make


def _tokens(rng, samples):
    x = rng.integers(1, 1000, size=(samples, 50))
    x[np.arange(50) >= rng.integers(10, 51, size=(samples, 1))] = 0  # padded on the right
    return x


CASES = {
    "mlp": Case(mlp, torch_mlp, _numbers(784), 128),
    "tiny": Case(tiny, torch_tiny, _numbers(8), 32),
    "cnn": Case(cnn, torch_cnn, _numbers(28, 28, 1), 64),
    "lstm": Case(lstm, TorchLSTM, _numbers(50, 32), 64),
    "lstm, masked": Case(masked_lstm, TorchMaskedLSTM, _tokens, 64),
}
