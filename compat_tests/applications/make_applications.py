"""Compare all architectures with the live tf_keras; write `digests.json` and docs/applications.md.

    python compat_tests/applications/make_applications.py [--digests] [names]

For each: tf_keras makes the model with random weights and writes them to an .h5 file, torchkeras
loads the file by its path; both predict one random image of the default size. In deep networks with
gates, activations that grow from block to block would shut and open gates at random, and rounding
would decide; there tf_keras first sets the moving statistics to those of the image, and ResNetRS
has gammas of about 1/4 at the end of branches.
"""

from __future__ import annotations

import gc
import json
import re
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from compat_tests import oracle  # noqa: E402
from compat_tests.applications.cases import DIGESTS, OTHERS, digest, label, random_weights  # noqa: E402
from torchkeras import applications, backend  # noqa: E402

PAGE = ROOT / "docs" / "applications.md"
GATED = ("EfficientNetV2", "ResNetRS")  # deep, with gates: activations must not saturate them


def architectures() -> list[str]:
    return [name for name in applications.__all__ if name[0].isupper()]


def write_digests(keras) -> None:
    found = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    for name in architectures():
        for arguments in ({}, {"include_top": False}, *OTHERS.get(name, [])):
            key = label(name, arguments)
            if key not in found:
                keras.backend.clear_session()
                found[key] = digest(getattr(keras.applications, name)(weights=None, **arguments))
                gc.collect()
                DIGESTS.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")
                print(key, found[key], flush=True)


def compare(keras, name: str) -> dict:
    """What both make of the same weights and the same image."""
    keras.backend.clear_session()
    backend.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/weights.h5"
        real = getattr(keras.applications, name)(weights=None, classifier_activation=None)
        weights = random_weights(real.weights)
        if name.startswith("ResNetRS"):  # quieter branches: up to 139 blocks in a row
            gammas = [w.name.endswith("batch_norm_3/gamma:0") for w in real.weights]
            weights = [w / 4 if gamma else w for w, gamma in zip(weights, gammas, strict=True)]
        real.set_weights(weights)
        size = real.input_shape[1] or 224
        image = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype("float32")
        if name.startswith(GATED):
            measure_statistics(keras, real, image)
        real.save_weights(path)
        expected = np.asarray(real(image))
        parameters = real.count_params()
        del real
        gc.collect()
        ours = getattr(applications, name)(weights=path, classifier_activation=None)
    start = time.perf_counter()
    with torch.no_grad():
        found = ours(image).numpy()
    seconds = time.perf_counter() - start
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    row = {"size": size, "parameters": parameters, "error": error, "seconds": round(seconds, 2)}
    assert ours.count_params() == parameters
    print(name, row, f"std {expected.std():.3g}", flush=True)
    return row


def measure_statistics(keras, model, image) -> None:
    """Let the moving mean and variance of each batch normalization be those of the image."""
    normalizations = [
        layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    model(image, training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum


def check_digests(name: str) -> None:
    """The architecture is built as tf.keras builds it, with and without its classifier."""
    told = json.loads(DIGESTS.read_text())
    for arguments in ({}, {"include_top": False}):
        backend.clear_session()
        with torch.device("meta"):
            model = getattr(applications, name)(weights=None, **arguments)
        assert digest(model) == told[label(name, arguments)], label(name, arguments)


def read_page() -> dict:
    """What earlier runs found."""
    if not PAGE.exists():
        return {}
    cells = re.findall(r"^\| `(\w+)` \| (\d+) \| ([\d,]+) \| (\S+) \|$", PAGE.read_text(), re.M)
    return {
        name: {"size": int(size), "parameters": int(count.replace(",", "")), "error": float(error)}
        for name, size, count, error in cells
    }


def write_page(rows: dict) -> None:
    lines = [
        "# Applications",
        "",
        "Architectures of `keras.applications` beside tf_keras, with the same random weights, "
        "written to",
        "an `.h5` file by tf_keras and loaded by its path, for one random image. The difference is "
        "the largest",
        "one among the logits, relative to the largest logit. In EfficientNetV2 and ResNetRS, deep "
        "networks with",
        "gates, the statistics of batch normalization are those of the image, and branches of "
        "ResNetRS are",
        "scaled down, so that gates do not saturate and rounding does not grow. Made by",
        "`compat_tests/applications/make_applications.py`.",
        "",
        "| architecture | image | parameters | difference |",
        "|---|---:|---:|---:|",
    ]
    for name in sorted(rows):
        row = rows[name]
        lines.append(f"| `{name}` | {row['size']} | {row['parameters']:,} | {row['error']:.1e} |")
    PAGE.write_text("\n".join(lines) + "\n")


def main(arguments: list[str]) -> None:
    keras = oracle.tf_keras()
    if "--digests" in arguments:
        write_digests(keras)
        return
    rows = read_page()
    for name in [a for a in arguments if a[0] != "-"] or architectures():
        if name in rows:
            continue
        check_digests(name)
        rows[name] = compare(keras, name)
        write_page(rows)
        gc.collect()


if __name__ == "__main__":
    main(sys.argv[1:])
