"""VGG16, as Keras has it: a module of its own."""

from .imagenet_utils import decode_predictions, preprocessor
from .vgg import VGG16

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessor("caffe")
