"""The shared check of layers: everything that can be asked of any layer, beside tf.keras."""

from __future__ import annotations

import copy
import pickle
import zlib

import numpy as np
import torch

from compat_tests import oracle
from torchkeras import layers, names, tree


def check_layer(
    name,
    config,
    input_shape,
    *,
    mask=None,
    int_input=False,
    call_kwargs=None,
    atol=1e-5,
    batch_axis=0,
    compiles=True,
    make=None,
):
    """`layers.<name>(**config)` does what tf.keras' layer does, and holds up as a torch module.

    `input_shape` is one shape with its batch, or a list of them for several inputs; inputs are
    drawn from a seed made of the case, integers below 4 with `int_input` (below `int_input` if
    that is a number). `mask`, one for each input, comes as tf.keras carries it, on the input;
    arrays in `call_kwargs` become tensors. Compared are outputs, gradients of a weighted sum of
    the outputs for inputs and weights, weights after the call, losses, masks, shapes, dtypes,
    weight names and the config. Layers in channels_first that TensorFlow cannot run on a CPU are
    compared with its channels_last, transposed. `batch_axis=None` leaves out other batch sizes.
    `make(layers)` gives what is called instead of `layers.<name>`, for layers around layers.
    """
    case = Case(name, config, input_shape, mask, int_input, call_kwargs or {}, make)
    expected = oracle.ask(case.ask)
    names.reset()
    layer = case.make()
    _check_values(case, layer, expected, atol)
    _check_description(case, layer, expected)
    _check_copies(case, layer)
    if compiles:
        _check_compiled(case, layer)
    _check_half_precision(case)
    if batch_axis is not None and not (layer.stateful or case.kwargs or case.masks[0] is not None):
        _check_batch_sizes(case, layer, batch_axis, atol)


class Case:
    """A layer, its config and its inputs, as numpy arrays that both sides start from."""

    def __init__(self, name, config, input_shape, mask, int_input, call_kwargs, make):
        self.config, self.kwargs = config, call_kwargs
        self.wraps = make is not None
        self.find = make or (lambda keras_layers: getattr(keras_layers, name))
        self.several = isinstance(input_shape, list)
        self.shapes = input_shape if self.several else [input_shape]
        self.masks = mask if self.several and mask is not None else [mask] * len(self.shapes)
        self.seed = zlib.crc32(repr((name, config, input_shape, bool(int_input))).encode())
        rng = np.random.default_rng(self.seed)
        if int_input:
            limit = 4 if int_input is True else int_input
            self.inputs = [rng.integers(0, limit, s).astype("int32") for s in self.shapes]
        else:
            self.inputs = [rng.normal(size=s).astype("float32") for s in self.shapes]

    def weight_values(self, weights):
        """Values for weights, from their names and shapes."""
        rng = np.random.default_rng(self.seed + 1)
        values = [rng.normal(0, 0.5, tuple(w.shape)).astype("float32") for w in weights]
        named = zip(values, weights, strict=True)
        return [abs(v) + 0.5 if "variance" in w.name else v for v, w in named]

    def factors(self, outputs):
        """What each output is weighted with in the sum whose gradient is compared."""
        rng = np.random.default_rng(self.seed + 2)
        return [rng.normal(size=tuple(output.shape)).astype("float32") for output in outputs]

    def symbolic_shapes(self, stateful):
        return [tuple(s) if stateful else (None, *s[1:]) for s in self.shapes]

    def arguments(self, inputs, make):
        """The inputs and keywords of a call, arrays made into tensors by `make`."""
        kwargs = {key: _as_tensors(value, make) for key, value in self.kwargs.items()}
        return inputs if self.several else inputs[0], kwargs

    def ask(self, keras):
        """What tf.keras answers."""
        try:
            return self._ask(keras, self.config, transposed=False)
        except Exception:
            if self.config.get("data_format") != "channels_first":
                raise
            return self._ask(keras, {**self.config, "data_format": "channels_last"}, True)

    def _ask(self, keras, config, transposed):
        import tensorflow as tf

        def turn(array, forth):
            wide = transposed and len(array.shape) > 2
            return np.moveaxis(array, *((1, -1) if forth else (-1, 1))) if wide else array

        keras.backend.clear_session()
        make = self.find(keras.layers)
        inputs = [tf.constant(turn(array, True)) for array in self.inputs]
        for tensor, mask in zip(inputs, self.masks, strict=True):
            if mask is not None:
                tensor._keras_mask = tf.constant(mask)
        argument, kwargs = self.arguments(inputs, tf.constant)
        layer = make(**config)
        layer(argument, **kwargs)
        layer.set_weights(self.weight_values(layer.weights))
        if layer.stateful:
            layer.reset_states()
        with tf.GradientTape() as tape:
            tape.watch([t for t in inputs if t.dtype.is_floating])
            outputs = tf.nest.flatten(layer(argument, **kwargs))
            factors = self.factors([turn(np.asarray(o), False) for o in outputs])
            floats = [(o, f) for o, f in zip(outputs, factors, strict=True) if o.dtype.is_floating]
            total = sum(tf.reduce_sum(o * turn(f, True)) for o, f in floats) if floats else None
        sources = [t for t in inputs if t.dtype.is_floating] + layer.trainable_weights
        gradients = tape.gradient(total, sources) if floats else [None] * len(sources)
        gradients = [g if g is None else np.asarray(tf.convert_to_tensor(g)) for g in gradients]
        count = len(sources) - len(layer.trainable_weights)
        by_input = [g if g is None else turn(g, False) for g in gradients[:count]]
        described = make(**{**self.config, "name": layer.name})
        shapes = self.symbolic_shapes(layer.stateful)
        return {
            "outputs": [turn(np.asarray(o), False) for o in outputs],
            "gradients": by_input + gradients[count:],
            "masks": [getattr(o, "_keras_mask", None) for o in outputs],
            "losses": [float(loss) for loss in layer.losses],
            "dtypes": [o.dtype.name for o in outputs],
            "weights": layer.get_weights(),
            "names": [w.name for w in layer.weights],
            "trainable": [w.name for w in layer.trainable_weights],
            "shape": _lists(described.compute_output_shape(shapes if self.several else shapes[0])),
            "config": (described if transposed else layer).get_config(),
            "supports_masking": bool(layer.supports_masking),
        }

    # --- our side --------------------------------------------------------------------------

    def make(self, **changes):
        """The layer, built, with the weights of the case."""
        layer = self.find(layers)(**{**self.config, **changes})
        self.call(layer)
        layer.set_weights(self.weight_values(layer.weights))
        self.reset(layer)
        return layer

    def reset(self, layer):
        """Before a call whose outputs matter: no states, and the same random numbers."""
        if layer.stateful:
            layer.reset_states()
        torch.manual_seed(0)

    def tensors(self, dtype=torch.float32):
        """The inputs, carrying their masks, to take gradients of."""
        inputs = [torch.tensor(array) for array in self.inputs]
        inputs = [t.to(dtype).requires_grad_() if t.is_floating_point() else t for t in inputs]
        for tensor, mask in zip(inputs, self.masks, strict=True):
            if mask is not None:
                tensor._keras_mask = torch.tensor(mask)
        return inputs

    def call(self, layer, inputs=None):
        """The flat outputs."""
        inputs = self.tensors(layer.compute_dtype) if inputs is None else inputs
        argument, kwargs = self.arguments(inputs, torch.tensor)
        return tree.flatten(layer(argument, **kwargs))


def _check_values(case, layer, expected, atol):
    inputs = case.tensors()
    layer._clear_losses()  # those of the call that built it
    outputs = case.call(layer, inputs)
    assert [str(o.dtype)[6:] for o in outputs] == expected["dtypes"]
    losses = [loss.item() for loss in layer.losses]
    pairs = zip(outputs, case.factors(outputs), strict=True)
    terms = [(o * torch.tensor(f)).sum() for o, f in pairs if o.requires_grad]
    layer.zero_grad()
    if terms:
        sum(terms).backward()
    sources = [t for t in inputs if t.is_floating_point()] + layer.trainable_weights
    for number, (output, wanted) in enumerate(zip(outputs, expected["outputs"], strict=True)):
        _close(output.detach().numpy(), wanted, atol, f"output {number}")
    for number, (source, wanted) in enumerate(zip(sources, expected["gradients"], strict=True)):
        gradient = _gradient(source)
        if wanted is None or gradient is None:
            assert not np.any(wanted if gradient is None else gradient), f"gradient {number}"
        else:
            _close(gradient, wanted, atol * 10, f"gradient {number}")
    after = zip(layer.weights, layer.get_weights(), expected["weights"], strict=True)
    for weight, value, wanted in after:
        _close(value, wanted, atol, weight.name)
    _close(losses, expected["losses"], atol, "losses")
    for output, wanted in zip(outputs, expected["masks"], strict=True):
        mask = getattr(output, "_keras_mask", None)
        assert (mask is None) == (wanted is None)
        assert mask is None or np.array_equal(mask.numpy(), wanted)
    layer.set_weights(case.weight_values(layer.weights))  # a call that trains may move some
    case.reset(layer)


def _check_description(case, layer, expected):
    assert [w.name for w in layer.weights] == expected["names"]
    assert [w.name for w in layer.trainable_weights] == expected["trainable"]
    assert _lists(layer.get_config()) == _lists(expected["config"])
    assert bool(layer.supports_masking) == expected["supports_masking"]
    shapes = case.symbolic_shapes(layer.stateful)
    shape = _lists(layer.compute_output_shape(shapes if case.several else shapes[0]))
    assert shape == expected["shape"]
    dtype = "int32" if case.inputs[0].dtype == np.int32 else None
    symbolic = [layers.Input(batch_shape=s, dtype=dtype) for s in shapes]
    outputs = type(layer).from_config(layer.get_config())(symbolic if case.several else symbolic[0])
    flat = [_lists(output.shape) for output in tree.leaves(outputs)]
    assert flat == (shape if shape and isinstance(shape[0], list) else [shape])


def _check_copies(case, layer):
    """Configs, weights, state dicts, copies and pickles give layers that compute the same."""
    case.reset(layer)
    wanted = case.call(layer)
    again = type(layer).from_config(layer.get_config())
    serialized = layers.deserialize(layers.serialize(layer))
    for other in (again, serialized):
        case.call(other)
        assert _lists(other.get_config()) == _lists(layer.get_config())
    again.set_weights(layer.get_weights())
    serialized.load_state_dict(layer.state_dict(), strict=True)
    for other in (again, serialized, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        case.reset(other)
        for output, same in zip(case.call(other), wanted, strict=True):
            torch.testing.assert_close(output, same)


def _check_compiled(case, layer):
    """One graph under torch.compile; masks come as arguments, as a model passes them."""
    argument, kwargs = case.arguments([torch.tensor(array) for array in case.inputs], torch.tensor)
    if layer._takes_mask and any(mask is not None for mask in case.masks):
        masks = [None if mask is None else torch.tensor(mask) for mask in case.masks]
        kwargs["mask"] = masks if case.several else masks[0]
    case.reset(layer)
    wanted = tree.flatten(layer(argument, **kwargs))
    case.reset(layer)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    for output, same in zip(tree.flatten(compiled(argument, **kwargs)), wanted, strict=True):
        torch.testing.assert_close(output, same)
    case.reset(layer)


def _check_half_precision(case):
    for dtype in (torch.float16, torch.bfloat16):
        # A layer around layers says nothing of their dtypes: they are cast.
        layer = case.make().to(dtype) if case.wraps else case.make(dtype=str(dtype)[6:])
        outputs = case.call(layer)
        floats = [output for output in outputs if output.is_floating_point()]
        assert all(o.dtype is dtype and bool(o.isfinite().all()) for o in floats)
        terms = [output.float().sum() for output in floats if output.requires_grad]
        if terms:
            sum(terms).backward()


def _check_batch_sizes(case, layer, axis, atol):
    """A sample's output does not depend on how many others come with it."""
    wanted = case.call(layer)
    inputs = [t.detach() for t in case.tensors()]
    for size in (1, 5):
        some = [torch.cat([t] * size, axis).narrow(axis, 0, size) for t in inputs]
        for output, whole in zip(case.call(layer, some), wanted, strict=True):
            place = axis if whole.ndim == inputs[0].ndim else 0  # one step has no time axis
            same = torch.cat([whole] * size, place).narrow(place, 0, size)
            torch.testing.assert_close(output, same, rtol=1e-4, atol=atol)


def _gradient(source):
    if isinstance(source, torch.Tensor):
        return None if source.grad is None else source.grad.numpy()
    if all(native.grad is None for native in source.native):
        return None
    natives = [torch.zeros_like(p) if p.grad is None else p.grad for p in source.native]
    return source.to_keras(tuple(g.to_dense() for g in natives)).detach().numpy()


def _close(got, wanted, atol, what):
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=atol, err_msg=what)


def _as_tensors(value, make):
    if isinstance(value, np.ndarray):
        return make(value)
    return [_as_tensors(one, make) for one in value] if isinstance(value, list) else value


def _lists(value):
    """Tuples and shapes as lists, as JSON would have them.

    Without the `build_config` of layers inside, which tf_keras adds at other places than 2.15.
    """
    if hasattr(value, "as_list"):  # a TensorShape
        return value.as_list()
    if isinstance(value, dict):
        return {key: _lists(one) for key, one in value.items() if key != "build_config"}
    return [_lists(one) for one in value] if isinstance(value, (list, tuple)) else value
