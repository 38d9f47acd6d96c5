"""ConvNeXt Tiny to XLarge: Liu and others, 2022, https://arxiv.org/abs/2201.03545."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .. import initializers, layers
from ..layer import TABLE, Layer
from ..models import Model, Sequential
from .building import (
    ARGUMENTS,
    Published,
    Request,
    activation,
    assemble,
    channels_of,
    conv,
    variant,
)
from .imagenet_utils import decode_predictions, preprocessor

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]

PUBLISHED = Published(
    "convnext/convnext_{}{}.h5",
    hashes={
        "tiny": (
            "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        ),
        "small": (
            "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
            "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
        ),
        "base": (
            "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
            "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
        ),
        "large": (
            "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
            "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
        ),
        "xlarge": (
            "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
            "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
        ),
    },
)
VARIANTS = {  # blocks and filters of each stage
    "Tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "Small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "Base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "Large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
    "XLarge": ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}


@TABLE.add()
class LayerScale(Layer):
    """A learned factor for each of `projection_dim` channels, `init_values` at first.

    >>> LayerScale(0.5, 1)(Tensor([[4.0]])).tolist()
    [[2.0]]
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Any) -> None:
        initial = initializers.Constant(self.init_values)
        self.gamma = self.add_weight("gamma", (self.projection_dim,), initializer=initial)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs * self.gamma

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def _norm(name=None):
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _convnext(variant: str, request: Request, name: str, include_preprocessing: bool) -> Model:
    depths, widths = VARIANTS[variant]

    def body(x):
        if include_preprocessing and channels_of(x) == 3:
            x = layers.Normalization(
                mean=[0.485 * 255, 0.456 * 255, 0.406 * 255],
                variance=[(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2],
                name=name + "_prestem_normalization",
            )(x)
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            x = _downsampling(stage, width, name)(x)
            for i in range(depth):
                x = _block(x, width, f"{name}_stage_{stage}_block_{i}")
        return x

    def top(x, request):
        x = layers.GlobalAveragePooling2D(name=name + "_head_gap")(x)
        x = _norm(name + "_head_layernorm")(x)
        act = request.classifier_activation
        return layers.Dense(request.classes, activation=act, name=name + "_head_dense")(x)

    return assemble(
        body,
        request,
        name=name,
        published=(PUBLISHED, variant.lower()),
        default_size=224,
        top=top,
        pool_names=(None, None),
        end=lambda x: _norm()(x),
    )


def _downsampling(stage, width, name):
    if stage == 0:
        patches = layers.Conv2D(width, 4, strides=4, name=name + "_stem_conv")
        return Sequential([patches, _norm(name + "_stem_layernorm")], name=name + "_stem")
    i = stage - 1
    halves = layers.Conv2D(width, 2, strides=2, name=f"{name}_downsampling_conv_{i}")
    norm = _norm(f"{name}_downsampling_layernorm_{i}")
    return Sequential([norm, halves], name=f"{name}_downsampling_block_{i}")


def _block(x, width, name):
    shortcut = x
    x = conv(x, width, 7, name + "_depthwise_conv", padding="same", groups=width)
    x = _norm(name + "_layernorm")(x)
    x = layers.Dense(4 * width, name=name + "_pointwise_conv_1")(x)
    x = activation(x, "gelu", name + "_gelu")
    x = layers.Dense(width, name=name + "_pointwise_conv_2")(x)
    x = LayerScale(1e-6, width, name=name + "_layer_scale")(x)
    return shortcut + activation(x, "linear", name + "_identity")


def _variant(name: str):
    def architecture(
        model_name: str = f"convnext_{name.lower()}",
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
    ) -> Model:
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
        )
        return _convnext(name, request, model_name, include_preprocessing)

    text = f"""ConvNeXt{name}: wide depthwise convolutions in the manner of transformers.

`model_name` stands before the names of layers; `include_preprocessing`: takes pixels from 0 to 255.
{ARGUMENTS}"""
    return variant(architecture, f"ConvNeXt{name}", text)


ConvNeXtTiny, ConvNeXtSmall, ConvNeXtBase, ConvNeXtLarge, ConvNeXtXLarge = map(_variant, VARIANTS)

preprocess_input = preprocessor(None)
