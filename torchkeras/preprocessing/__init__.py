"""Preparing raw data for a model."""

from . import sequence

__all__ = ["sequence"]
