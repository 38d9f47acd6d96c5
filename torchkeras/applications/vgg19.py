"""VGG19, as Keras has it: a module of its own."""

from .imagenet_utils import decode_predictions, preprocessor
from .vgg import VGG19

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessor("caffe")
