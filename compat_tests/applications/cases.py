"""The architectures as tests see them: ways to call them, a digest of a model, random weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

DIGESTS = Path(__file__).parent / "digests.json"

# name -> the arguments of its cases besides weights=None; all have the default case and the one
# without a classifier.
OTHERS = {
    "VGG16": [{"pooling": "max", "include_top": False, "input_shape": (40, 50, 3)}],
    "ResNet50": [{"pooling": "avg", "include_top": False}, {"classes": 7}],
    "ResNet50V2": [{"classifier_activation": None, "input_shape": (64, 96, 3)}],
    "ResNetRS50": [
        {"include_preprocessing": False, "include_top": False, "pooling": "max"},
        {"input_shape": (64, 64, 1), "classes": 5},
    ],
    "DenseNet121": [{"include_top": False, "pooling": "max", "input_shape": (65, 33, 3)}],
    "Xception": [{"include_top": False, "pooling": "avg", "input_shape": (80, 71, 3)}],
    "InceptionV3": [{"include_top": False, "pooling": "max"}],
    "InceptionResNetV2": [{"include_top": False, "pooling": "avg"}],
    "MobileNet": [
        {"alpha": 0.25, "input_shape": (128, 128, 3)},
        {"alpha": 0.5, "depth_multiplier": 2, "dropout": 0.3, "classes": 11},
        {"include_top": False, "pooling": "avg", "input_shape": (33, 47, 3)},
    ],
    "MobileNetV2": [
        {"alpha": 0.35, "input_shape": (96, 96, 3)},
        {"alpha": 1.4, "include_top": False, "pooling": "max"},
        {"alpha": 1.3, "classes": 3, "input_shape": (97, 65, 3)},
    ],
    "MobileNetV3Small": [
        {"minimalistic": True, "classes": 9},
        {"alpha": 0.75, "input_shape": (224, 224, 3), "dropout_rate": 0.0},
        {"include_top": False, "pooling": "avg", "include_preprocessing": False},
    ],
    "MobileNetV3Large": [{"alpha": 1.25, "input_shape": (65, 35, 3), "classes": 2}],
    "NASNetMobile": [{"include_top": False, "pooling": "avg", "input_shape": (65, 97, 3)}],
    "EfficientNetB0": [{"include_top": False, "pooling": "max", "input_shape": (67, 32, 3)}],
    "EfficientNetV2B0": [
        {"input_shape": (33, 33, 1), "classes": 4},
        {"include_top": False, "pooling": "avg", "include_preprocessing": False},
    ],
    "EfficientNetV2S": [],
    "RegNetX002": [{"include_top": False, "pooling": "avg", "model_name": "net"}],
    "RegNetY002": [{"include_preprocessing": False, "classes": 5}],
    "ConvNeXtTiny": [
        {"include_top": False, "pooling": "max", "model_name": "net"},
        {"include_preprocessing": False, "classes": 5, "classifier_activation": None},
    ],
}
_EXTRAS = ("module", "registered_name", "build_config", "optional")  # where versions differ


def label(name: str, arguments: dict) -> str:
    return f"{name}({', '.join(f'{key}={value}' for key, value in arguments.items())})"


def digest(model) -> str:
    """A short text that changes with any layer, its config, name, place or connections, and with
    the name or shape of any weight."""
    weights = [[weight.name, list(weight.shape)] for weight in model.weights]
    told = json.dumps([_plain(model.get_config()), _plain(weights)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _plain(value):
    if isinstance(value, dict):
        found = {k: _plain(v) for k, v in value.items() if k not in _EXTRAS}
        return {k: v for k, v in found.items() if k != "name" or v is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return float(value)
    return value


def random_weights(weights) -> list[np.ndarray]:
    """An array for each of a model's weights, the same in both libraries, of sizes that keep
    activations in range through any number of layers."""
    return [_random(w.name.rpartition("/")[2], w.shape, i) for i, w in enumerate(weights)]


def _random(name, shape, seed):
    rng = np.random.default_rng(seed)
    shape, normal = tuple(shape), rng.standard_normal(tuple(shape), dtype=np.float32)
    if name.startswith(("moving_variance", "gamma", "variance")):
        return np.exp(0.2 * normal)
    if name.startswith("count"):
        return np.asarray(100, dtype=np.int64)
    if len(shape) < 2:
        return 0.1 * normal
    inputs = np.prod(shape[:-1]) if "depthwise" not in name else np.prod(shape[:2])
    return normal * np.float32(np.sqrt(1.5 / inputs))
