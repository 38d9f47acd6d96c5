"""What Keras 1 and Keras 2 say in the same words; runs in Python 2.7 too."""

from tables import VECTOR, Case, later, stack

SAME = {}  # models
RULES = {
    "sgd": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "decay": 0.1}),
    "rmsprop": ("RMSprop", {"lr": 0.01, "rho": 0.8, "decay": 0.05}),
    "adagrad": ("Adagrad", {"lr": 0.05, "clipnorm": 0.5}),
    "adadelta": ("Adadelta", {"lr": 0.7, "rho": 0.9}),
    "adam": ("Adam", {"lr": 0.01, "beta_1": 0.8, "clipvalue": 0.1, "decay": 0.01}),
    "adamax": ("Adamax", {"lr": 0.01}), "nadam": ("Nadam", {"lr": 0.01, "schedule_decay": 0.01}),
}  # fmt: skip
LOSSES = (
    "mean_squared_error mean_absolute_error mean_absolute_percentage_error msle squared_hinge "
    "hinge binary_crossentropy kullback_leibler_divergence poisson cosine_proximity "
    "categorical_crossentropy"
).split()


@later
def l2(keras):
    return keras.regularizers.l2(0.02)


def with_rules(units, rules):
    """A model for each rule; `units` is the word for the size of a Dense."""
    layers = (("Dense", {units: 4, "activation": "tanh"}), ("Dense", {units: 3}))
    return {"rule_" + name: stack(VECTOR, *layers, optimizer=rule) for name, rule in rules.items()}


def with_losses(units, losses, more=None):
    """A model for each loss, with `more` settings of some."""
    found = {}
    for loss in losses:
        end = "softmax" if loss[:3] in ("cat", "kul", "poi") else "sigmoid"
        metrics = ["mse", "mae"] + (["accuracy"] if loss[0] in "bc" else [])
        found["loss_" + loss] = stack(
            VECTOR, ("Dense", {units: 3, "activation": end}), whole=True, loss=loss,
            metrics=metrics, **(more or {}).get(loss, {})
        )  # fmt: skip
    return found


def graph_in(models):
    """A decorator that enters a function of keras among `models`, with the shapes of its inputs."""

    def graph(*shapes, **settings):
        words = settings.pop("words", 0)

        def mark(build):
            models[build.__name__] = Case(build, list(shapes), words, **settings)
            return build

        return mark

    return graph


graph = graph_in(SAME)


def branch(keras, units=4, width=5, **more):
    """A Sequential with one layer."""
    model = keras.models.Sequential()
    model.add(keras.layers.Dense(units, input_dim=width, **more))
    return model


SAME["embedding_own"] = stack(
    (6,), ("Embedding", {"input_dim": 3, "output_dim": 2, "weights": [[[1, 2], [3, 4], [5, 6]]],
                         "trainable": False, "input_length": 6}), words=3)  # fmt: skip


@graph(VECTOR)
def nested(keras):
    inner = branch(keras, 4, activation="tanh")
    inner.add(keras.layers.BatchNormalization())
    middle = keras.models.Sequential()
    middle.add(inner)
    middle.add(keras.layers.Dense(3))
    model = keras.models.Sequential()
    model.add(middle)
    model.add(keras.layers.Dense(2))
    return model


@graph(VECTOR)
def frozen(keras):
    model = branch(keras, 4, trainable=False)
    model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Dense(2))
    model.layers[1].trainable = False
    return model


@graph(VECTOR, loss=["mse", "mae"], loss_weights=[1.0, 0.5], metrics=["mae"])
def two_ends(keras):
    x = keras.layers.Input(shape=(5,))
    y = keras.layers.Dense(4)(x)
    return keras.models.Model(x, [y, keras.layers.Dense(2)(y)])


def halved(x):
    return x / 2


def scaled(x):
    return x / 127.5 - 1.0


@graph(VECTOR, code=[scaled, halved])
def Lambda(keras):
    model = keras.models.Sequential()
    model.add(keras.layers.Lambda(lambda x: x / 127.5 - 1.0, input_shape=VECTOR))
    model.add(keras.layers.Lambda(halved, output_shape=VECTOR))
    model.add(keras.layers.Dense(2))
    return model
