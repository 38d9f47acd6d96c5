"""Why a file of an old release of TensorFlow is not read alike."""

from __future__ import annotations

_NO_STATE = "before 1.14 checkpoints hold no state of Keras' optimizers"
_TABLE = [  # releases, kinds of files, parts of the model's name, of what was said, the reason
    ("", "", "feature_columns", "", "feature columns need TensorFlow; the error says what to use"),
    ("", "", "", "no vocabulary", "the file holds no vocabulary, and tf.keras wants adapt() too"),
    ("", "", "binary", "last axis", "its width is not known without a vocabulary"),
    ("", "", "", "not compiled", "tf.keras notes nothing of optimizers of `tf.train` in files"),
    (
        "1.",
        "",
        "batch_norm_trainable",
        "trains",
        "TensorFlow 1 normalizes a frozen layer by the batch; read by tf.keras 2 the file trains "
        "as here",
    ),
    (
        "1.",
        "",
        "embedding open_sequentials",
        "",
        "the file lacks the input shape, and TensorFlow does not load it either",
    ),
    ("1.13", "checkpoint", "stacked", "", "the file lacks the weights of cells in a list"),
    ("1.13 1.8 1.4", "", "renorm", "", "before 1.14 renormalization keeps other statistics"),
    ("1.13 1.8 1.4", "", "added", "trains", "added losses are not in the file"),
    ("1.13 1.8 1.4", "checkpoint", "", "trains", _NO_STATE),
    ("2.0 2.1", "", "clipped in_parts", "trains", "TensorFlow left `clipvalue` out of fit"),
    (
        "2.2 2.3 2.4",
        "",
        "hashing",
        "predicts",
        "the file has a salt that its layer did not use; loaded by TensorFlow itself it "
        "predicts as here",
    ),
    (
        "",
        "",
        "loss_scale mixed",
        "trains",
        "steps that overflow in half precision are skipped, and the scale is not in all files",
    ),
]


def reason(release: str, kind: str, name: str, said: str) -> str:
    """The reason, or what torchkeras said where none is known."""
    for releases, kinds, models, words, why in _TABLE:
        if (
            (not releases or release.startswith(tuple(releases.split())))
            and kinds in kind
            and (not models or any(model in name for model in models.split()))
            and words in said
        ):
            return why
    return said
