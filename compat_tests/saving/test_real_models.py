"""Files that users of Keras 2.0 to 2.11 saved load by plain `load_model` and predict the same."""

import json
from pathlib import Path

import numpy as np
import pytest

from torchkeras.models import load_model

FOLDER = Path(__file__).parents[3] / "shared" / "real_models"
INDEX = json.loads((FOLDER / "index.json").read_text()) if (FOLDER / "index.json").exists() else []


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: entry["file"])
def test_predicts_what_keras_predicted(entry):
    path = FOLDER / entry["file"]
    model = load_model(path)
    with np.load(f"{path}.npz") as stored:
        inputs = [stored[key] for key in sorted(stored.files) if key.startswith("x")]
        expected = [stored[key] for key in sorted(stored.files) if key.startswith("y")]
    found = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    for one, other in zip(found if len(expected) > 1 else [found], expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
