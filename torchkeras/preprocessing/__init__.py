"""Preparing raw data for a model."""

from . import image, sequence, text

__all__ = ["image", "sequence", "text"]
