"""`text_dataset_from_directory`: text files as batches of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..data.elements import Strings
from .labelled_files import Plan, dataset_of


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
) -> Any:
    """Batches of the texts in the `.txt` files below a directory, one folder a class.

    Texts are `data.Strings` of shape `(batch_size,)`, cut to their first `max_length` bytes; labels
    and subsets are as in `image_dataset_from_directory`.
    """

    def load(path):
        return Strings.of(Path(path).read_bytes()[:max_length])

    plan = Plan(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links,
    )  # fmt: skip
    return dataset_of(plan, (".txt",), "text", load)
