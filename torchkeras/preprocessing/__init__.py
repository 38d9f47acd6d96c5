"""Preparing raw data for a model."""

from . import image, sequence, text, timeseries
from .image import image_dataset_from_directory
from .text import text_dataset_from_directory
from .timeseries import timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries",
    "timeseries_dataset_from_array",
]
