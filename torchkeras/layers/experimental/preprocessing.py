"""`keras.layers.experimental.preprocessing`: the layers that prepare data."""
# ruff: noqa: F401 - the names are the interface

from ..augment import (
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomHeight,
    RandomRotation,
    RandomTranslation,
    RandomWidth,
    RandomZoom,
)
from ..hashing import HashedCrossing, Hashing
from ..lookup import IntegerLookup, StringLookup
from ..numeric import CategoryEncoding, Discretization, Normalization, Rescaling
from ..numeric import Preprocessing as PreprocessingLayer
from ..resize import CenterCrop, Resizing
from ..text import TextVectorization
