"""One row or more for each layer class that can be written: name, layer, shapes of its inputs."""

import warnings

import torch

import torchkeras as keras
from torchkeras import layers as L
from torchkeras.layers.experimental import RandomFourierFeatures
from torchkeras.legacy import dropped

IMAGE, FILM, VOLUME, STEPS, OPEN = (8, 9, 3), (4, 6, 7, 2), (4, 5, 6, 2), (6, 4), (None, None, 3)


class Block(keras.layers.Layer):
    """A layer of a user's, made of layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.outer = L.Dense(4, activation="relu"), L.Dense(4)
        self.drop, self.norm = L.Dropout(0.3), L.LayerNormalization()

    def call(self, x, training=None):
        return self.norm(x + self.outer(self.drop(self.inner(x), training=training)))


class Scale(keras.layers.Layer):
    """A layer of a user's, with a weight."""

    def build(self, input_shape):
        self.factor = self.add_weight("factor", (input_shape[-1],))
        self.built = True

    def call(self, x):
        return torch.relu(x * self.factor)


def former(kind):
    """What makes a layer of an old class, of which each use warns."""

    def make():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return kind()

    return make


def case(layer, *shapes, call=None, integers=0):
    """A maker of the layer; `call` takes the layer and its inputs, which may be integers."""
    return layer, shapes, call, integers


def to_itself(**kwargs):
    return lambda layer, x: layer(x, x, **kwargs)


CASES = {
    "Activation": case(lambda: L.Activation("swish"), IMAGE),
    "Activation_of_a_user": case(lambda: L.Activation(lambda x: x * torch.sigmoid(x)), IMAGE),
    "ActivityRegularization": case(lambda: L.ActivityRegularization(0.1), STEPS),
    **{
        f"Adaptive{kind}Pooling{rank}D": case(
            lambda kind=kind, rank=rank: getattr(L, f"Adaptive{kind}Pooling{rank}D")(2),
            {1: STEPS, 2: IMAGE, 3: VOLUME}[rank],
        )
        for kind in ("Average", "Max")
        for rank in (1, 2, 3)
    },
    "Add": case(lambda: L.Add(), STEPS, STEPS),
    "Add_of_two_ranks": case(lambda: L.Add(), STEPS, (4,)),
    "AdditiveAttention": case(lambda: L.AdditiveAttention(), STEPS, STEPS),
    "AlphaDropout": case(lambda: L.AlphaDropout(0.5), STEPS),
    "Attention": case(lambda: L.Attention(use_scale=True), STEPS, STEPS),
    "Average": case(lambda: L.Average(), STEPS, STEPS),
    "AveragePooling1D": case(lambda: L.AveragePooling1D(2), STEPS),
    "AveragePooling2D": case(lambda: L.AveragePooling2D(3, 2, padding="same"), IMAGE),
    "AveragePooling3D": case(lambda: L.AveragePooling3D(2, padding="same"), VOLUME),
    "BatchNormalization": case(lambda: L.BatchNormalization(), IMAGE),
    "BatchNormalization_of_features": case(lambda: L.BatchNormalization(), (5,)),
    "BatchNormalization_of_steps": case(lambda: L.BatchNormalization(scale=False), STEPS),
    "BatchNormalization_axis_1": case(lambda: L.BatchNormalization(axis=1), IMAGE),
    "BatchNormalization_frozen": case(lambda: L.BatchNormalization(trainable=False), IMAGE),
    "Bidirectional": case(lambda: L.Bidirectional(L.LSTM(3)), STEPS),
    "Bidirectional_sum": case(
        lambda: L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"), STEPS
    ),
    "Bidirectional_dropout": case(
        lambda: L.Bidirectional(L.LSTM(3, dropout=0.2, return_sequences=True), "ave"), STEPS
    ),
    "Bidirectional_apart": case(
        lambda: L.Bidirectional(L.SimpleRNN(3), merge_mode=None), STEPS
    ),
    "Bidirectional_films": case(
        lambda: L.Bidirectional(L.ConvLSTM2D(2, 3, padding="same", return_sequences=True)), FILM
    ),
    "CategoryEncoding": case(lambda: L.CategoryEncoding(9), (5,), integers=9),
    "CenterCrop": case(lambda: L.CenterCrop(4, 5), IMAGE),
    "Concatenate": case(lambda: L.Concatenate(axis=1), STEPS, STEPS),
    "Conv1D": case(lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2), STEPS),
    "Conv1DTranspose": case(lambda: L.Conv1DTranspose(5, 3, strides=2, padding="same"), STEPS),
    "Conv2D": case(
        lambda: L.Conv2D(4, 3, strides=2, padding="same", activation="softmax"), IMAGE
    ),
    "Conv2D_of_open_sizes": case(lambda: L.Conv2D(4, 3, strides=2, padding="same"), OPEN),
    "Conv2D_channels_first": case(
        lambda: L.Conv2D(4, 3, data_format="channels_first"), (3, 8, 9)
    ),
    "Conv2DTranspose": case(lambda: L.Conv2DTranspose(5, 3, strides=2, padding="same"), IMAGE),
    "Conv3D": case(lambda: L.Conv3D(2, 2, padding="same"), VOLUME),
    "Conv3DTranspose": case(lambda: L.Conv3DTranspose(2, 3, strides=2), (3, 4, 3, 2)),
    "ConvLSTM1D": case(
        lambda: L.ConvLSTM1D(3, 2, padding="same", return_sequences=True), (4, 6, 2)
    ),
    "ConvLSTM2D": case(lambda: L.ConvLSTM2D(3, 3, strides=2, padding="same"), FILM),
    "ConvLSTM3D": case(lambda: L.ConvLSTM3D(2, 2), (3, 4, 4, 4, 2)),
    "Cropping1D": case(lambda: L.Cropping1D((1, 2)), STEPS),
    "Cropping2D": case(lambda: L.Cropping2D(((1, 0), (2, 1))), IMAGE),
    "Cropping3D": case(lambda: L.Cropping3D(1), VOLUME),
    "CuDNNGRU": case(lambda: L.CuDNNGRU(3, return_sequences=True), STEPS),
    "CuDNNLSTM": case(lambda: L.CuDNNLSTM(3), STEPS),
    "Dense": case(lambda: L.Dense(3, "hard_sigmoid", use_bias=False), STEPS),
    "Dense_of_a_user": case(lambda: L.Dense(3, lambda x: x * x + 1), (5,)),
    "DepthwiseConv1D": case(lambda: L.DepthwiseConv1D(3), STEPS),
    "DepthwiseConv2D": case(
        lambda: L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2), IMAGE
    ),
    "Discretization": case(lambda: L.Discretization([0.0, 1.0]), STEPS),
    "Dot": case(lambda: L.Dot((1, 1), normalize=True), STEPS, STEPS),
    "Dropout": case(lambda: L.Dropout(0.5, noise_shape=(None, 1, 4)), STEPS),
    "ELU": case(lambda: L.ELU(0.5), STEPS),
    "EinsumDense": case(lambda: L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d"), STEPS),
    "EinsumDense_of_steps": case(lambda: L.EinsumDense("abc,bcd->abd", (6, 5)), STEPS),
    "Embedding": case(lambda: L.Embedding(10, 4), (5,), integers=10),
    "Flatten": case(lambda: L.Flatten(), IMAGE),
    "GRU": case(lambda: L.GRU(3), STEPS),
    "GRU_resets_before": case(lambda: L.GRU(3, reset_after=False, activation="relu"), STEPS),
    "GaussianDropout": case(lambda: L.GaussianDropout(0.5), STEPS),
    "GaussianNoise": case(lambda: L.GaussianNoise(0.5), STEPS),
    **{
        f"Global{kind}Pooling{rank}D": case(
            lambda kind=kind, rank=rank: getattr(L, f"Global{kind}Pooling{rank}D")(
                keepdims=kind == "Max"
            ),
            {1: STEPS, 2: IMAGE, 3: VOLUME}[rank],
        )
        for kind in ("Average", "Max")
        for rank in (1, 2, 3)
    },
    "GroupNormalization": case(lambda: L.GroupNormalization(3), IMAGE),
    "Identity": case(lambda: L.Identity(), STEPS),
    "LSTM": case(lambda: L.LSTM(3, dropout=0.2), STEPS),
    "LSTM_recurrent_dropout": case(
        lambda: L.LSTM(3, recurrent_dropout=0.2, return_sequences=True), STEPS
    ),
    "LSTM_states": case(
        lambda: L.LSTM(3, recurrent_activation="hard_sigmoid", return_state=True), STEPS
    ),
    "Lambda": case(lambda: L.Lambda(lambda x: torch.sum(x**2, 1) - x.mean()), STEPS),
    "LayerNormalization": case(lambda: L.LayerNormalization(axis=[1, 2]), IMAGE),
    "LeakyReLU": case(lambda: L.LeakyReLU(), STEPS),
    "LocallyConnected1D": case(lambda: L.LocallyConnected1D(3, 2), STEPS),
    "LocallyConnected2D": case(
        lambda: L.LocallyConnected2D(3, 2, implementation=2, padding="same"), IMAGE
    ),
    "Masking": case(lambda: L.Masking(), STEPS),
    **{
        f"MaxPooling{rank}D": case(
            lambda rank=rank: getattr(L, f"MaxPooling{rank}D")(2, 1, padding="same"),
            {1: STEPS, 2: IMAGE, 3: VOLUME}[rank],
        )
        for rank in (1, 2, 3)
    },
    "Maximum": case(lambda: L.Maximum(), STEPS, STEPS),
    "Minimum": case(lambda: L.Minimum(), STEPS, STEPS),
    "MultiHeadAttention": case(
        lambda: L.MultiHeadAttention(2, 3, value_dim=5, output_shape=7), STEPS,
        call=to_itself(use_causal_mask=True),
    ),
    "MultiHeadAttention_scores": case(
        lambda: L.MultiHeadAttention(2, 3), STEPS, call=to_itself(return_attention_scores=True)
    ),
    "Multiply": case(lambda: L.Multiply(), STEPS, STEPS, STEPS),
    "Normalization": case(lambda: L.Normalization(mean=[1.0] * 4, variance=[2.0] * 4), STEPS),
    "PReLU": case(lambda: L.PReLU(), STEPS),
    "PReLU_of_channels": case(lambda: L.PReLU(shared_axes=[1, 2]), IMAGE),
    "Permute": case(lambda: L.Permute((2, 1)), STEPS),
    "Pipeline": case(lambda: L.Pipeline([L.Rescaling(2.0), L.Rescaling(1.0, 1.0)]), STEPS),
    "RMSNormalization": case(lambda: L.RMSNormalization(), STEPS),
    "RNN": case(lambda: L.RNN([L.GRUCell(3), L.LSTMCell(4)], return_sequences=True), STEPS),
    "RandomFourierFeatures": case(lambda: RandomFourierFeatures(6), (5,)),
    "ReLU": case(lambda: L.ReLU(6, 0.1, 0.5), STEPS),
    "RepeatVector": case(lambda: L.RepeatVector(3), (4,)),
    "Rescaling": case(lambda: L.Rescaling([0.1, 0.2, 0.3], 0.5), IMAGE),
    "Reshape": case(lambda: L.Reshape((3, -1)), IMAGE),
    "Resizing": case(lambda: L.Resizing(12, 16, "bicubic"), IMAGE),
    "SeparableConv1D": case(lambda: L.SeparableConv1D(5, 3, padding="causal"), STEPS),
    "SeparableConv2D": case(
        lambda: L.SeparableConv2D(5, 3, padding="same", activation="relu"), IMAGE
    ),
    "SimpleRNN": case(lambda: L.SimpleRNN(3, activation="relu", go_backwards=True), STEPS),
    "Softmax": case(lambda: L.Softmax(axis=[1, 2]), IMAGE),
    "SpatialDropout1D": case(lambda: L.SpatialDropout1D(0.5), STEPS),
    "SpatialDropout2D": case(lambda: L.SpatialDropout2D(0.5), IMAGE),
    "SpatialDropout3D": case(lambda: L.SpatialDropout3D(0.5), VOLUME),
    "Subtract": case(lambda: L.Subtract(), STEPS, STEPS),
    "SyncBatchNormalization": case(
        lambda: keras.layers.experimental.SyncBatchNormalization(), IMAGE
    ),
    "ThresholdedReLU": case(lambda: L.ThresholdedReLU(0.3), STEPS),
    "TimeDistributed": case(lambda: L.TimeDistributed(L.Conv2D(3, 2)), (4, *IMAGE)),
    "TimeDistributed_open": case(lambda: L.TimeDistributed(L.LSTM(3)), (None, 5, 4)),
    "TorchModuleWrapper": case(lambda: L.TorchModuleWrapper(torch.nn.Linear(4, 3)), STEPS),
    "UnitNormalization": case(lambda: L.UnitNormalization(), STEPS),
    "UpSampling1D": case(lambda: L.UpSampling1D(2), STEPS),
    "UpSampling2D": case(lambda: L.UpSampling2D((2, 3)), IMAGE),
    "UpSampling2D_by_a_kernel": case(lambda: L.UpSampling2D(2, interpolation="lanczos3"), IMAGE),
    "UpSampling3D": case(lambda: L.UpSampling3D(2), VOLUME),
    "CosinesOfKeras1": case(lambda: dropped.CosinesOfKeras1(1), (4,), (4,)),
    "SReLU": case(former(dropped.SReLU), STEPS),
    "ParametricSoftplus": case(former(dropped.ParametricSoftplus), STEPS),
    "NormalizationOfKeras1": case(lambda: dropped.NormalizationOfKeras1(1), STEPS),
    "ZeroPadding1D": case(lambda: L.ZeroPadding1D((1, 2)), STEPS),
    "ZeroPadding2D": case(lambda: L.ZeroPadding2D(((1, 2), (3, 0))), IMAGE),
    "ZeroPadding3D": case(lambda: L.ZeroPadding3D(1), VOLUME),
    "a_block_of_a_user": case(Block, STEPS),
    "a_weight_of_a_user": case(Scale, STEPS),
}  # fmt: skip

# Layers whose inputs carry the mask of an `Embedding`.
MASKED = {
    "LSTM": lambda x: L.LSTM(3)(x),
    "LSTM_backwards": lambda x: L.LSTM(3, go_backwards=True)(x),
    "LSTM_states": lambda x: L.LSTM(3, return_state=True)(x),
    "GRU": lambda x: L.GRU(3, return_sequences=True, reset_after=False)(x),
    "RNN": lambda x: L.RNN(L.GRUCell(3))(x),
    "Bidirectional": lambda x: L.Bidirectional(L.LSTM(3, return_sequences=True))(x),
    "GlobalAveragePooling1D": lambda x: L.GlobalAveragePooling1D()(x),
    "MultiHeadAttention": lambda x: L.MultiHeadAttention(2, 3)(x, x),
    "Attention": lambda x: L.Attention()([x, x]),
    "TimeDistributed": lambda x: L.LSTM(3)(L.TimeDistributed(L.Dense(2))(x)),
    "Concatenate": lambda x: L.LSTM(2)(L.Concatenate()([x, L.Dropout(0.2)(x)])),
    "a_nested_model": lambda x: keras.Sequential([L.LSTM(3, input_shape=(6, 4))])(x),
}

# Classes of layers that need no row: bases, cells, models, and what stands for something else.
NOT_LAYERS_TO_CALL = set(
    "Functional GRUCell InputLayer KerasOperation LSTMCell Model Sequential "
    "SharpnessAwareMinimization SimpleRNNCell SlicingOpLambda StackedRNNCells TFOpLambda "
    "TensorFlowOpLayer Wrapper LinearModel WideDeepModel CustomScaleLayer LayerScale Highway "
    "MaxoutDense SequenceFeatures DenseFeatures TFSMLayer FeatureSpace".split()
)
