"""Every layer, by family; `keras.layers` of a script."""
# ruff: noqa: F401 - the names are the interface

from torch import nn as _nn

from ..layer import TABLE as _TABLE
from ..layer import InputSpec, Layer
from . import experimental
from .absent import TFSMLayer
from .adaptive import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)
from .advanced import ELU, LeakyReLU, PReLU, ReLU, Softmax, ThresholdedReLU
from .attention import AdditiveAttention, Attention
from .augment import (
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomHeight,
    RandomRotation,
    RandomTranslation,
    RandomWidth,
    RandomZoom,
)
from .batch_norm import BatchNormalization
from .cells import AbstractRNNCell, GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from .color import (
    AutoContrast,
    RandomColorDegeneration,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPosterization,
    RandomSaturation,
    RandomSharpness,
    Solarization,
)
from .conv import (
    Conv1D,
    Conv2D,
    Conv3D,
    Convolution1D,
    Convolution2D,
    Convolution3D,
)
from .conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from .core import Activation, Dense, Embedding, Input, InputLayer, Masking
from .cudnn import CuDNNGRU, CuDNNLSTM
from .einsum import EinsumDense
from .features import DenseFeatures
from .functions import Identity, Lambda
from .graph_nodes import TensorFlowOpLayer as _TensorFlowOpLayer
from .hashing import HashedCrossing, Hashing
from .local import LocallyConnected1D, LocallyConnected2D
from .lookup import IntegerLookup, StringLookup
from .merge import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from .modules import TorchModuleWrapper
from .multihead import MultiHeadAttention
from .noise import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from .norm import (
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from .numeric import CategoryEncoding, Discretization, Normalization, Rescaling
from .operations import SlicingOpLambda as _SlicingOpLambda
from .operations import TFOpLambda as _TFOpLambda
from .pool import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalAvgPool3D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GlobalMaxPool3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from .recurrent import GRU, LSTM, SimpleRNN
from .resize import CenterCrop, Resizing
from .rnn import RNN
from .separable import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
)
from .shape import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Flatten,
    Permute,
    RepeatVector,
    Reshape,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from .spectral import SpectralNormalization
from .text import TextVectorization
from .transpose import (
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
    Convolution1DTranspose,
    Convolution2DTranspose,
    Convolution3DTranspose,
)
from .wrappers import Bidirectional, Pipeline, TimeDistributed, Wrapper


def serialize(layer: Layer, use_legacy_format: bool = False) -> dict:
    """The config of a layer with its class; `deserialize` makes the same layer, without weights.

    The legacy format of Keras before 2.13 has only the keys `class_name` and `config`.

    >>> serialize(Flatten(name="flat"), use_legacy_format=True)["class_name"]
    'Flatten'
    """
    if not isinstance(layer, _nn.Module):
        raise ValueError(f"serialize takes a layer; received {layer!r}.")
    config = _TABLE.serialize(layer)
    if not use_legacy_format:
        return config
    return {
        "class_name": config["registered_name"] or config["class_name"],
        "config": config["config"],
    }


def deserialize(
    config: dict, custom_objects: dict | None = None, use_legacy_format: bool = False
) -> Layer:
    """The layer of a config, in the format of any Keras, which its keys tell: so
    `use_legacy_format` changes nothing. `custom_objects` names classes of your own.

    >>> deserialize({"class_name": "Dense", "config": {"units": 3}}).units
    3
    """
    return _TABLE.deserialize(config, custom_objects)


__all__ = [name for name in dir() if not name.startswith("_")]
