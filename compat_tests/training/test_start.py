"""What must not happen before the first step: torch's compiler is a second and 70 MB to import."""

from compat_tests.processes import check_python

BEGIN = """
import sys
import tempfile
import numpy as np
import torch
import torchkeras as k
from torchkeras import layers
"""

END = """
print("{name}", sorted({{"torch._dynamo", "torch._inductor", "sympy"}} & set(sys.modules)))
"""

DENSE = """
x, y = np.zeros((8, 4), "float32"), np.zeros((8, 1), "float32")
model = k.Sequential([layers.Dense(3, activation="relu"), layers.Dense(1)])
model.compile("adam", "mse", metrics=["mae"])
model.fit(x, y, verbose=0)
model.predict(x, verbose=0)
"""

IMAGES = """
model = k.Sequential(
    [
        k.Input((8, 8, 1)), layers.Conv2D(2, 3, activation="relu"), layers.BatchNormalization(),
        layers.MaxPooling2D(), layers.Dropout(0.5), layers.Flatten(),
        layers.Dense(2, activation="softmax"),
    ]
)
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(np.zeros((4, 8, 8, 1), "float32"), np.zeros(4, "int64"), verbose=0)
"""

WORDS = """
model = k.Sequential(
    [
        k.Input((5,), dtype="int32"), layers.Embedding(9, 4, mask_zero=True),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)), layers.GRU(3),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile("rmsprop", "binary_crossentropy")
model.fit(np.ones((4, 5), "int32"), np.zeros((4, 1), "float32"), verbose=0)
"""

OWN = """
class Own(layers.Layer):
    def build(self, input_shape):
        self.w = self.add_weight("w", (input_shape[-1], 3))
    def call(self, inputs):
        return torch.relu(inputs @ self.w + 1.0)

inputs = k.Input((4,))
x = torch.cat([Own()(inputs) * 2.0, layers.Lambda(torch.exp)(inputs)], -1)
x = torch.nn.functional.gelu(torch.nn.Linear(7, 2)(x))
x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 2)(x[:, None], x[:, None]))
model = k.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
model.compile(k.optimizers.SGD(0.1, momentum=0.9), "mse")
model.fit(np.zeros((8, 4), "float32"), np.zeros((8, 1), "float32"), verbose=0)
"""

FILES = """
with tempfile.TemporaryDirectory() as folder:
    model = k.Sequential([k.Input((4,)), layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(np.zeros((8, 4), "float32"), np.zeros((8, 3), "float32"), verbose=0)
    for name in ("model.h5", "model.keras"):
        model.save(f"{folder}/{name}")
        k.models.load_model(f"{folder}/{name}").predict(np.zeros((2, 4), "float32"), verbose=0)
"""


CASES = {"dense": DENSE, "images": IMAGES, "words": WORDS, "own": OWN, "files": FILES}


def test_training_does_without_the_compiler(tmp_path):
    script = BEGIN + "".join(body + END.format(name=name) for name, body in CASES.items())
    output = check_python("-c", script, cwd=tmp_path)
    assert output.splitlines() == [f"{name} []" for name in CASES]
