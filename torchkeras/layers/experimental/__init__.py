"""`keras.layers.experimental`: names under which TensorFlow 2.3 to 2.15 had some layers."""
# ruff: noqa: F401 - the names are the interface

from ..batch_norm import SyncBatchNormalization
from ..einsum import EinsumDense
from ..kernelized import RandomFourierFeatures
from . import preprocessing
