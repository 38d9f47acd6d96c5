"""What both lists of models are made with; runs in Python 2.7 too, with nothing but numpy."""

import numpy as np

SAMPLES = 8
OPTIMIZERS = ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")
IMAGE, SERIES, VECTOR, VOLUME, MOVIE = (9, 8, 3), (6, 4), (5,), (5, 5, 6, 2), (3, 7, 6, 2)


class Case:
    """A model: `build(keras)` makes it from inputs of `shapes`, with integers below `words`."""

    def __init__(self, build, shapes, words=0, **settings):
        self.build, self.shapes = build, shapes
        self.words = words if isinstance(words, list) else [words] * len(shapes)
        self.settings = settings

    def get(self, name, default=None):
        """A setting: `random` (not trained on), `weights_only`, `loss`, `optimizer`, ..."""
        return self.settings.get(name, default)


def stack(shape, *layers, **settings):
    """A Sequential of layers given as `(name, arguments)`, with Flatten and Dense(2) at its end."""
    whole, batch = settings.pop("whole", False), settings.pop("batch", None)

    def build(keras):
        model = keras.models.Sequential()
        for number, entry in enumerate(layers):
            first = {"batch_input_shape": (batch,) + shape} if number == 0 else {}
            model.add(made(keras, entry, first))
        if not whole:
            if len(model.output_shape) > 2:
                model.add(keras.layers.Flatten())
            model.add(keras.layers.Dense(2))
        return model

    return Case(build, [shape], **settings)


def made(keras, entry, more=None):
    """The layer of an entry `(name, arguments)`."""
    name, arguments = entry
    arguments = {key: said(keras, value) for key, value in dict(arguments, **(more or {})).items()}
    if "weights" in arguments:
        arguments["weights"] = [np.array(array, "float32") for array in arguments["weights"]]
    kind = keras
    for part in name.split(".") if "." in name else ["layers", name]:
        kind = getattr(kind, part)
    return kind(**arguments)


def said(keras, value):
    """What an argument means: layers in the place of entries, results of what is made `later`."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
        return made(keras, value)
    if isinstance(value, list):
        return [said(keras, item) for item in value]
    return value(keras) if getattr(value, "of_keras", False) else value


def later(function):
    """Marks a function of `keras` whose result is an argument."""
    function.of_keras = True
    return function


def put(image, order):
    """A shape of images in an order of axes: 'th' has channels first."""
    return image if order == "tf" else (image[-1],) + image[:-1]
