"""Random configurations of layers, drawn by hypothesis, beside live tf.keras.

`LAYERS` tells for each class how to draw its arguments and an input. `check_drawn` compares
outputs, gradients, losses, weights, names, configs and shapes.
"""

from __future__ import annotations

import contextlib
import inspect

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from compat_tests import oracle
from compat_tests.checks import draw_around, draw_layers
from compat_tests.checks.draw_arguments import others
from compat_tests.checks.layer import check_values
from compat_tests.checks.layer_case import Case, lists
from torchkeras import layers, names

LAYERS = {**draw_layers.LAYERS, **draw_around.LAYERS}


def check_drawn(name: str, examples: int, derandomize: bool = True) -> int:
    """Compare `examples` random configurations of a layer; how many tf.keras took."""
    seen = []

    def compare(config, x, options):
        if _compare(name, config, x, **options):
            seen.append(config)

    each(name, examples, derandomize, compare)
    return len(seen)


def drawn_arguments(name: str, examples: int = 60) -> dict[str, set[str]]:
    """By the name of a class: the arguments that layers drawn as `name` were given."""
    found: dict[str, set[str]] = {}

    def note(config, x, options):
        make = options.get("make")
        with contextlib.suppress(ValueError):  # refused there, too
            (make(layers) if make else getattr(layers, name))(**config)

    with _noting(found):
        each(name, examples, True, note)
    return found


def each(name, examples, derandomize, act):
    @settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # what fails is small enough
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data):
        config, x, options = LAYERS[name](data.draw)
        act(others(data.draw, getattr(layers, name), config), x, options)

    run()


class _noting:
    """While open, the constructors of layers note their arguments."""

    def __init__(self, found):
        self.found = found

    def __enter__(self):
        self.real = {}
        for cls in {id(c): c for c in vars(layers).values() if inspect.isclass(c)}.values():
            if issubclass(cls, layers.Layer) and cls is not layers.Layer:
                self.real[cls] = cls.__dict__.get("__init__")
                cls.__init__ = self._noted(cls, cls.__init__)

    def _noted(self, cls, real):
        signature = inspect.signature(real)

        def noted(made, /, *args, **kwargs):
            if cls in type(made).__mro__[:2]:  # or a subclass that a case made of it
                positional = [*signature.parameters][1 : 1 + len(args)]
                self.found.setdefault(cls.__name__, set()).update(positional, kwargs)
            real(made, *args, **kwargs)

        noted.__signature__ = signature
        return noted

    def __exit__(self, *exception):
        for cls, real in self.real.items():
            if real is None:
                del cls.__init__
            else:
                cls.__init__ = real


def _compare(name, config, x, mask=None, int_input=False, call_kwargs=None, make=None, key=()):
    case = Case(name, config, x, mask, int_input, call_kwargs or {}, make)
    keras = oracle.tf_keras()
    try:
        expected = oracle.plain(case.ask(keras))
    except Exception as error:
        if _refused_by_tensorflow(error):
            return False
        raise
    names.reset()
    layer = case.make()
    check_values(case, layer, expected, 1e-5)
    assert [w.name for w in layer.weights] == expected["names"]
    described, wanted = lists(layer.get_config()), lists(expected["config"])
    assert {key: described[key] for key in wanted} == wanted  # may tell more than tf.keras
    shapes = case.symbolic_shapes(layer.stateful)
    found = layer.compute_output_shape(shapes if case.several else shapes[0])
    assert lists(found) == expected["shape"]
    return True


def _refused_by_tensorflow(error):
    """Whether tf.keras itself does not take a configuration, or a CPU has no kernel for it."""
    kinds = "InvalidArgumentError UnimplementedError AbortedError ValueError NotImplementedError"
    return type(error).__name__ in kinds.split()
