"""Files of a folder with their labels, in the order of Keras, as a `Dataset`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from ..console import print_msg
from ..data.dataset import Dataset
from ..data.elements import Strings
from ..data.flows import AUTOTUNE

MODES = ("int", "categorical", "binary", None)


class Plan(NamedTuple):
    """The arguments that the functions for images, texts and sounds share."""

    directory: Any
    labels: Any
    label_mode: str | None
    class_names: Any
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool


def dataset_of(
    plan: Plan, formats: tuple[str, ...], what: str, load: Callable[[str], Any], **options: Any
) -> Any:
    """Batches of what `load(path)` makes, with labels; a list of two for `subset="both"`.

    `formats` are the endings of the files, `what` names them in messages. `padded=True` pads the
    elements of a batch to one length.
    """
    labels, mode = _checked(plan)
    seed = plan.seed if plan.seed is not None else int(np.random.randint(int(1e6)))
    paths, numbers, names = list_files(
        plan.directory, labels, formats, plan.class_names, plan.shuffle, seed, plan.follow_links
    )
    if mode == "binary" and len(names) != 2:
        raise ValueError(f'label_mode="binary" needs two classes; there are {len(names)}: {names}.')
    if not paths:
        raise ValueError(
            f"No {what} file was found in {plan.directory}; allowed endings are "
            f"{', '.join(formats)}"
            + (", in one folder for each class." if labels == "inferred" else ".")
        )
    made = []
    for subset in ("training", "validation") if plan.subset == "both" else (plan.subset,):
        part = _part(len(paths), plan.validation_split, subset)
        shuffle = plan.shuffle and (plan.subset != "both" or subset == "training")
        made.append(
            _assembled(
                paths[part], numbers[part], mode, len(names), load, plan.batch_size,
                seed if shuffle else None, **options,
            )
        )  # fmt: skip
        made[-1].class_names, made[-1].file_paths = names, paths[part]
    return made if plan.subset == "both" else made[0]


def _assembled(paths, numbers, mode, classes, load, batch_size, seed, padded=False):
    """Paths are shuffled before files are read: the order is that of Keras, which shuffles what
    it has read, and less is held."""
    columns = Strings.of(paths)
    if mode is not None:
        columns = (columns, _labels(numbers, mode, classes))
    data = Dataset.from_tensor_slices(columns)
    if seed is not None:
        data = data.shuffle(1024 if batch_size is None else batch_size * 8, seed=seed)

    def read(path, *label):
        loaded = load(path.item())
        return (loaded, *label) if label else loaded

    data = data.map(read, num_parallel_calls=AUTOTUNE)
    if batch_size is not None:
        data = data.padded_batch(batch_size) if padded else data.batch(batch_size)
    return data.prefetch(AUTOTUNE)


def _labels(numbers, mode, classes):
    numbers = torch.tensor(np.asarray(numbers), dtype=torch.int32, device="cpu")
    if mode == "binary":
        return numbers.float()[:, None]
    if mode == "categorical":
        return (numbers[:, None] == torch.arange(classes, device="cpu")).float()
    return numbers


def _checked(plan):
    """The arguments `labels` and `label_mode`, both None where one is."""
    labels, mode = plan.labels, plan.label_mode
    if labels not in ("inferred", None) and not isinstance(labels, (list, tuple)):
        raise ValueError(
            "`labels` must be 'inferred', None or a list with an integer for each file; received "
            f"{labels!r}."
        )
    if labels != "inferred" and plan.class_names:
        raise ValueError('`class_names` can be given with labels="inferred" only.')
    if mode not in MODES:
        raise ValueError(f"`label_mode` must be one of {MODES}; received {mode!r}.")
    split, subset = plan.validation_split, plan.subset
    if split and not 0 < split < 1:
        raise ValueError(f"`validation_split` must lie between 0 and 1; received {split!r}.")
    if bool(split) != bool(subset):
        raise ValueError("`validation_split` and `subset` go together: give both or neither.")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(
            f"`subset` must be 'training', 'validation' or 'both'; received {subset!r}."
        )
    if split and plan.shuffle and plan.seed is None:
        raise ValueError(
            "With `validation_split` and shuffle=True give a `seed`, or training and validation "
            "data would overlap."
        )
    return (None, None) if labels is None or mode is None else (labels, mode)


def list_files(
    directory: Any,
    labels: Any,
    formats: tuple[str, ...],
    class_names: Any = None,
    shuffle: bool = True,
    seed: int | None = None,
    follow_links: bool = False,
) -> tuple[list[str], Any, list]:
    """Paths, class numbers and class names of the files below `directory` with such endings.

    Sorted, or shuffled by numpy's `RandomState(seed)` as Keras does.
    """
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise FileNotFoundError(f"There is no directory {directory}.")
    folders = [""]
    if labels == "inferred":
        folders = [
            name
            for name in sorted(os.listdir(directory))
            if os.path.isdir(os.path.join(directory, name)) and not name.startswith(".")
        ]
        if class_names and set(class_names) != set(folders):
            raise ValueError(
                f"`class_names` must name the folders in {directory}, which are {folders}; "
                f"received {list(class_names)}."
            )
    names = list(class_names) if class_names else folders
    paths: list[str] = []
    numbers: list[int] = []
    for folder in folders:
        found = _below(os.path.join(directory, folder), formats, follow_links)
        paths += found
        numbers += [names.index(folder)] * len(found)
    given: Any = np.array(numbers, dtype="int32")
    if labels not in ("inferred", None):
        if len(labels) != len(paths):
            raise ValueError(
                f"`labels` holds {len(labels)} labels, but {directory} has {len(paths)} files with "
                f"endings {', '.join(formats)}."
            )
        given, names = list(labels), sorted(set(labels))
    print_msg(f"Found {len(paths)} files belonging to {len(names)} classes.")
    if shuffle:
        for items in (paths, given):
            np.random.RandomState(seed).shuffle(items)
    return paths, given, names


def _below(folder, formats, follow_links):
    walk = sorted(os.walk(folder, followlinks=follow_links), key=lambda found: found[0])
    return [
        os.path.join(root, name)
        for root, _, names in walk
        for name in sorted(names)
        if name.lower().endswith(formats)
    ]


def _part(count, split, subset):
    """The slice of the files that belongs to a subset: validation is the end."""
    if not split:
        return slice(None)
    held = int(split * count)
    if not 0 < held < count:
        raise ValueError(
            f"validation_split={split} of {count} files leaves {count - held} for training and "
            f"{held} for validation; both need some."
        )
    if subset == "training":
        print_msg(f"Using {count - held} files for training.")
        return slice(None, count - held)
    print_msg(f"Using {held} files for validation.")
    return slice(count - held, None)
