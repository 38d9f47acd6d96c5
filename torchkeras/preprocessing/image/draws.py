"""The random numbers of an `ImageDataGenerator`, drawn as Keras draws them."""

from __future__ import annotations

from typing import Any

import numpy as np

NAMES = (
    "theta",
    "tx",
    "ty",
    "shear",
    "zx",
    "zy",
    "flip_horizontal",
    "flip_vertical",
    "channel_shift_intensity",
    "brightness",
)  # in the order of Keras' dictionary


def draw(generator: Any, count: int, height: int, width: int) -> dict[str, Any]:
    """For each name an array of `count` numbers, or None for what is not asked for.

    An image takes its numbers one after the other, then the next image does. Where all of them
    are uniform, one call gives the numbers of all images: numpy's stream is the same.
    """
    ranges = _ranges(generator, height, width)
    drawn: dict[str, Any] = dict.fromkeys(NAMES)
    if all(isinstance(given, tuple) for given in ranges.values()):
        numbers = np.random.random_sample((count, len(ranges)))
        for column, (name, (low, high)) in enumerate(ranges.items()):
            drawn[name] = low + (high - low) * numbers[:, column]
    else:
        rows = [[_one(given) for given in ranges.values()] for _ in range(count)]
        drawn.update(zip(ranges, np.array(rows, float).reshape(-1, len(ranges)).T, strict=True))
    for name, size in (("tx", height), ("ty", width)):
        shift = _shift(generator, name)
        if drawn[name] is not None and (shift if isinstance(shift, float) else np.max(shift)) < 1:
            drawn[name] = drawn[name] * size
    for name in ("flip_horizontal", "flip_vertical"):
        drawn[name] = (drawn[name] < 0.5) & bool(getattr(generator, f"{name[5:]}_flip"))
    return drawn


def _ranges(generator, height, width):
    """What is drawn for an image, in order: (low, high), or something to choose from."""
    ranges: dict[str, Any] = {}
    if generator.rotation_range:
        ranges["theta"] = (-generator.rotation_range, generator.rotation_range)
    for name in ("tx", "ty"):
        shift = _shift(generator, name)
        if isinstance(shift, float) and shift:
            ranges[name] = (-shift, shift)
        elif np.size(shift) > 1 or np.any(shift):
            ranges[name] = np.asarray(shift)
    if generator.shear_range:
        ranges["shear"] = (-generator.shear_range, generator.shear_range)
    low, high = generator.zoom_range
    if not low == high == 1:
        ranges["zx"] = ranges["zy"] = (low, high)
    ranges["flip_horizontal"] = ranges["flip_vertical"] = (0, 1)
    if generator.channel_shift_range:
        shift = generator.channel_shift_range
        ranges["channel_shift_intensity"] = (-shift, shift)
    if generator.brightness_range is not None:
        ranges["brightness"] = tuple(generator.brightness_range)
    return ranges


def _shift(generator, name):
    return generator.height_shift_range if name == "tx" else generator.width_shift_range


def _one(given):
    if isinstance(given, tuple):
        return given[0] + (given[1] - given[0]) * np.random.random_sample()
    try:
        return np.random.choice(given if given.ndim else given.item()) * np.random.choice([-1, 1])
    except ValueError:  # a fraction of another type than float
        return np.random.uniform(-given, given)
