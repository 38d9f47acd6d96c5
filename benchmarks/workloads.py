"""The measured networks: each for any Keras, and as the torch module that a person would write.

Layouts are those that suit each side: images are channels last in memory for both. A module ends
in logits; the Keras models end in the softmax or sigmoid that Keras users write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Workload:
    """A network twice, with its data; `steps` of `batch` samples are one measured round."""

    keras: Callable[[Any], Any]
    torch: Callable[[], Any]
    data: Callable[[np.random.Generator, int], Any]
    classes: int  # of the labels; 1 for a sigmoid
    batch: int
    steps: int
    label_shape: tuple[int, ...] = ()
    by_hand: Callable[[Any], Any] = lambda x: x  # the data as the torch module wants it

    def labels(self, rng: np.random.Generator, samples: int) -> np.ndarray:
        high = max(2, self.classes)
        kind = "float32" if self.classes == 1 else "int64"
        return rng.integers(0, high, (samples, *self.label_shape)).astype(kind)


# --- dense networks ----------------------------------------------------------------------------


def mlp(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dense(512, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def torch_mlp():
    from torch import nn

    return nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )


def tiny(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((8,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def torch_tiny():
    from torch import nn

    return nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)
    )


def recommender(k):
    layers = k.layers
    user, item = k.Input((1,), dtype="int32"), k.Input((1,), dtype="int32")
    users, items = layers.Embedding(100_000, 64)(user), layers.Embedding(50_000, 64)(item)
    joined = layers.Concatenate()([layers.Flatten()(users), layers.Flatten()(items)])
    hidden = layers.Dense(64, activation="relu")(joined)
    return k.Model([user, item], layers.Dense(1, activation="sigmoid")(hidden))


def torch_recommender():
    import torch
    from torch import nn

    class Recommender(nn.Module):
        def __init__(self):
            super().__init__()
            self.users, self.items = nn.Embedding(100_000, 64), nn.Embedding(50_000, 64)
            self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))

        def forward(self, user, item):
            joined = torch.cat([self.users(user), self.items(item)], dim=-1)
            return self.head(joined.flatten(1))

    return Recommender()


# --- images ------------------------------------------------------------------------------------


def cnn(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def torch_cnn():
    import torch
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(),
        nn.Dropout(0.5), nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)  # fmt: skip


def resnet20(k):
    layers = k.layers

    def conv(x, filters, stride=1, kernel=3):
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = k.Input((32, 32, 3))
    x = layers.ReLU()(conv(inputs, 16))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage and not block else 1
            y = conv(layers.ReLU()(conv(x, filters, stride)), filters)
            shortcut = x if stride == 1 else conv(x, filters, 2, 1)
            x = layers.ReLU()(layers.Add()([y, shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    return k.Model(inputs, layers.Dense(10, activation="softmax")(x))


def resnet50(k):
    layers = k.layers

    def conv(x, filters, kernel=1, stride=1):
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = k.Input((224, 224, 3))
    x = layers.ReLU()(conv(inputs, 64, 7, 2))
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for stage, (filters, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = layers.ReLU()(conv(x, filters))
            y = layers.ReLU()(conv(y, filters, 3, stride))
            shortcut = conv(x, 4 * filters, 1, stride) if not block else x
            x = layers.ReLU()(layers.Add()([conv(y, 4 * filters), shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    return k.Model(inputs, layers.Dense(1000, activation="softmax")(x))


def _torch_resnet(stem, stages, bottleneck, classes):
    """A residual network; `stages` are (filters, blocks)."""
    import torch
    from torch import nn

    def conv(before, after, kernel=1, stride=1):
        padding = kernel // 2
        return nn.Sequential(
            nn.Conv2d(before, after, kernel, stride, padding, bias=False), nn.BatchNorm2d(after)
        )

    class Block(nn.Module):
        def __init__(self, before, filters, stride):
            super().__init__()
            after = 4 * filters if bottleneck else filters
            relu = nn.ReLU(inplace=True)
            if bottleneck:
                parts = [conv(before, filters), relu, conv(filters, filters, 3, stride), relu]
                parts += [conv(filters, after)]
            else:
                parts = [conv(before, filters, 3, stride), relu, conv(filters, filters, 3)]
            self.body, self.relu = nn.Sequential(*parts), relu
            self.shortcut = (
                None if before == after and stride == 1 else conv(before, after, 1, stride)
            )

        def forward(self, x):
            shortcut = x if self.shortcut is None else self.shortcut(x)
            return self.relu(self.body(x) + shortcut)

    parts, channels = list(stem(conv)), stages[0][0] if not bottleneck else 64
    for stage, (filters, blocks) in enumerate(stages):
        for block in range(blocks):
            parts.append(Block(channels, filters, 2 if stage and not block else 1))
            channels = 4 * filters if bottleneck else filters
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return nn.Sequential(*parts).to(memory_format=torch.channels_last)


def torch_resnet20():
    from torch import nn

    def stem(conv):
        return conv(3, 16, 3), nn.ReLU(inplace=True)

    return _torch_resnet(stem, ((16, 3), (32, 3), (64, 3)), False, 10)


def torch_resnet50():
    from torch import nn

    def stem(conv):
        return conv(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)

    return _torch_resnet(stem, ((64, 3), (128, 4), (256, 6), (512, 3)), True, 1000)


def unet(k):
    layers = k.layers

    def block(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    inputs = k.Input((64, 64, 3))
    one = block(inputs, 16)
    two = block(layers.MaxPooling2D()(one), 32)
    three = block(layers.MaxPooling2D()(two), 64)
    up = layers.Conv2DTranspose(32, 2, 2)(three)
    up = block(layers.Concatenate()([up, two]), 32)
    up = layers.Conv2D(16, 3, padding="same")(layers.UpSampling2D()(up))
    up = block(layers.Concatenate()([up, one]), 16)
    return k.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(up))


def torch_unet():
    import torch
    from torch import nn

    def block(before, after):
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1), nn.ReLU(inplace=True),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.three = block(3, 16), block(16, 32), block(32, 64)
            self.pool, self.up = nn.MaxPool2d(2), nn.ConvTranspose2d(64, 32, 2, 2)
            self.four = block(64, 32)
            self.up2 = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(32, 16, 3, padding=1))
            self.five, self.head = block(32, 16), nn.Conv2d(16, 3, 1)

        def forward(self, x):
            one = self.one(x)
            two = self.two(self.pool(one))
            three = self.three(self.pool(two))
            up = self.four(torch.cat([self.up(three), two], 1))
            return self.head(self.five(torch.cat([self.up2(up), one], 1)))

    return UNet().to(memory_format=torch.channels_last)


# --- sequences ---------------------------------------------------------------------------------

WORDS, STEPS = 20_000, 80


def recurrent(name, **settings):
    """An embedding and a recurrent layer of 128 units, for any Keras."""

    def build(k):
        layers = k.layers
        layer = getattr(layers, name)(128)
        return k.Sequential(
            [
                k.Input((STEPS,), dtype="int32"),
                layers.Embedding(WORDS, 128, **settings),
                layer,
                layers.Dense(1, activation="sigmoid"),
            ]
        )

    return build


def torch_recurrent(name):
    def build():
        from torch import nn

        class Recurrent(nn.Module):
            def __init__(self):
                super().__init__()
                self.words = nn.Embedding(WORDS, 128)
                self.rnn = getattr(nn, name)(128, 128, batch_first=True)
                self.head = nn.Linear(128, 1)

            def forward(self, x):
                return self.head(self.rnn(self.words(x))[0][:, -1])

        return Recurrent()

    return build


def bilstm(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((STEPS,), dtype="int32"),
            layers.Embedding(WORDS, 128, mask_zero=True),
            layers.Bidirectional(layers.LSTM(64)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def torch_bilstm():
    import torch
    from torch import nn

    class BiLSTM(nn.Module):
        """The usual way with padded sequences: packed, with lengths known on the CPU."""

        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(WORDS, 128)
            self.rnn = nn.LSTM(128, 64, batch_first=True, bidirectional=True)
            self.head = nn.Linear(128, 1)

        def forward(self, x):
            lengths = (x != 0).sum(1).cpu()
            packed = nn.utils.rnn.pack_padded_sequence(
                self.words(x), lengths, batch_first=True, enforce_sorted=False
            )
            return self.head(torch.cat(list(self.rnn(packed)[1][0]), dim=-1))

    return BiLSTM()


def textconv(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((STEPS,), dtype="int32"),
            layers.Embedding(WORDS, 128),
            layers.Conv1D(128, 5, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(64, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def torch_textconv():
    from torch import nn

    class TextConv(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.conv = nn.Embedding(WORDS, 128), nn.Conv1d(128, 128, 5)
            self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))

        def forward(self, x):
            return self.head(self.conv(self.words(x).mT).relu().amax(-1))

    return TextConv()


def transformer(k):
    layers = k.layers
    inputs = k.Input((STEPS, 128))
    attended = layers.MultiHeadAttention(4, 32)(inputs, inputs)
    x = layers.LayerNormalization()(layers.Add()([inputs, attended]))
    hidden = layers.Dense(128)(layers.Dense(512, activation="relu")(x))
    x = layers.LayerNormalization()(layers.Add()([x, hidden]))
    x = layers.GlobalAveragePooling1D()(x)
    return k.Model(inputs, layers.Dense(10, activation="softmax")(x))


def torch_transformer():
    import torch.nn.functional as F
    from torch import nn

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.out = nn.Linear(128, 384), nn.Linear(128, 128)
            self.norm1, self.norm2 = nn.LayerNorm(128), nn.LayerNorm(128)
            self.up, self.down = nn.Linear(128, 512), nn.Linear(512, 128)
            self.head = nn.Linear(128, 10)

        def forward(self, x):
            q, k, v = self.qkv(x).unflatten(-1, (3, 4, 32)).transpose(1, 3).unbind(2)
            mixed = F.scaled_dot_product_attention(q, k, v)
            x = self.norm1(x + self.out(mixed.transpose(1, 2).flatten(2)))
            x = self.norm2(x + self.down(F.relu(self.up(x))))
            return self.head(x.mean(1))

    return Transformer()


# --- data --------------------------------------------------------------------------------------


def numbers(*shape):
    return lambda rng, samples: rng.normal(size=(samples, *shape)).astype("float32")


def images(x):
    """A batch of images as torch names its axes, in the memory order of the numpy array."""
    return x.permute(0, 3, 1, 2)


def words(rng, samples):
    return rng.integers(1, WORDS, (samples, STEPS)).astype("int32")


def padded_words(rng, samples):
    """Sequences of 10 to 80 words, padded on the left as `pad_sequences` does."""
    x = words(rng, samples)
    x[np.arange(STEPS) < rng.integers(0, STEPS - 10, (samples, 1))] = 0
    return x


def right_padded(x):
    """The same words padded on the right, as packing wants them."""
    import torch

    order = torch.argsort((x == 0).to(torch.int8), dim=1, stable=True)
    return x.gather(1, order)


def pairs(rng, samples):
    users = rng.integers(0, 100_000, (samples, 1)).astype("int32")
    return [users, rng.integers(0, 50_000, (samples, 1)).astype("int32")]


WORKLOADS = {
    "mlp": Workload(mlp, torch_mlp, numbers(784), 10, 128, 30),
    "tiny": Workload(tiny, torch_tiny, numbers(8), 1, 32, 200, (1,)),
    "cnn": Workload(cnn, torch_cnn, numbers(28, 28, 1), 10, 128, 8, by_hand=images),
    "resnet20": Workload(resnet20, torch_resnet20, numbers(32, 32, 3), 10, 32, 8, by_hand=images),
    "resnet50": Workload(
        resnet50, torch_resnet50, numbers(224, 224, 3), 1000, 4, 2, by_hand=images
    ),
    "unet": Workload(unet, torch_unet, numbers(64, 64, 3), 3, 16, 6, (64, 64), by_hand=images),
    "lstm": Workload(recurrent("LSTM"), torch_recurrent("LSTM"), words, 1, 32, 10, (1,)),
    "gru": Workload(recurrent("GRU"), torch_recurrent("GRU"), words, 1, 32, 10, (1,)),
    "bilstm, masked": Workload(
        bilstm, torch_bilstm, padded_words, 1, 32, 10, (1,), by_hand=right_padded
    ),
    "text conv": Workload(textconv, torch_textconv, words, 1, 32, 10, (1,)),
    "transformer": Workload(transformer, torch_transformer, numbers(STEPS, 128), 10, 32, 10),
    "recommender": Workload(recommender, torch_recommender, pairs, 1, 256, 10, (1,)),
}
