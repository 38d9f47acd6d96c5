"""Why a file of an old release of TensorFlow is not read alike."""

from __future__ import annotations

_BEFORE_13 = "1.4 1.8"
_BEFORE_14 = "1.4 1.8 1.13"
_AS_NOW = "what the word means in tf.keras 2.15 is what it means here"
_NO_STATE = "before 1.14 checkpoints hold no state of Keras' optimizers"
_TABLE = [  # releases, kinds of files, parts of the model's name, of what was said, the reason
    ("", "", "", "no vocabulary", "the file holds no vocabulary, and tf.keras wants adapt() too"),
    (
        "",
        "checkpoint",
        "binary text_tf_idf integer_lookup_adapted",
        "last axis",
        "its width is not known without a vocabulary",
    ),
    ("", "", "mixed loss_scale", "not compiled", "the release tells no config of its optimizer"),
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
        "error",
        "the file lacks the input shape, and TensorFlow does not load it either",
    ),
    (
        _BEFORE_14,
        "checkpoint",
        "cells",
        "predicts",
        "the file lacks the weights of cells in a list",
    ),
    (_BEFORE_14, "", "added", "trains", "added losses are not in the file"),
    (_BEFORE_14, "checkpoint", "", "trains", _NO_STATE),
    (
        "1.4",
        "",
        "transpose3d",
        "shape mismatch",
        "TensorFlow 1.4 makes what Conv3DTranspose gives smaller than its input",
    ),
    (
        _BEFORE_14,
        "",
        "renorm",
        "trains",
        "before 1.14 renormalization weighed a batch by the share that its averages lacked; "
        + _AS_NOW,
    ),
    (
        _BEFORE_14,
        "",
        "embedding",
        "trains",
        "before 1.14 optimizers moved the rows of an embedding that a batch does not use too; "
        + _AS_NOW,
    ),
    (
        _BEFORE_13,
        "",
        "activity regularized advanced",
        "trains",
        "before 1.13 activity penalties were not divided by the size of a batch; " + _AS_NOW,
    ),
    (
        _BEFORE_13,
        "",
        "",
        "trains",
        "these graphs change a kernel before or after the gradients that pass through it are "
        "computed, as it happens; after loads of their own they train otherwise too",
    ),
    (
        "1.13",
        "",
        "Nadam SGD",
        "trains",
        "its graph reads the step counter before or after it is raised, otherwise at each step",
    ),
    (
        "1.15-v2 2.0 2.1",
        "",
        "clipped in_parts local1d batch_norm bidirectional_sum legacy_Adam",
        "trains",
        "TensorFlow left `clipnorm` and `clipvalue` out of fit",
    ),
    (
        "1.15-v2",
        "checkpoint",
        "feature_columns_of_kinds",
        "shape mismatch",
        "the file has one of the several tables of a layer",
    ),
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
            (not releases or _is_among(release, releases))
            and kinds in kind
            and (not models or any(model in name for model in models.split()))
            and words in said
        ):
            return why
    return said


def _is_among(release, releases):
    """Whether a release is one of several, of which `1.` stands for every 1."""
    names = (release, release.partition("-")[0])
    return any(one in names or one[-1] == "." and release.startswith(one)
               for one in releases.split())  # fmt: skip
