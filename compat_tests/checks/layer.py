"""The shared check of layers: everything that can be asked of any layer, beside tf.keras."""

from __future__ import annotations

import copy
import pickle
import tempfile

import numpy as np
import torch

from compat_tests import oracle
from compat_tests.checks.layer_case import Case, lists
from torchkeras import layers, models, names, policies, tree


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
    check_values(case, layer, expected, atol)
    _check_description(case, layer, expected)
    _check_copies(case, layer)
    _check_file(case, layer)
    if compiles:
        _check_compiled(case, layer)
    _check_half_precision(case)
    _check_mixed_precision(case)
    if batch_axis is not None and not (layer.stateful or case.kwargs or case.masks[0] is not None):
        _check_batch_sizes(case, layer, batch_axis, atol)


def check_values(case, layer, expected, atol):
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
            # Sums of large terms: float32 keeps so many digits of the largest, not of each.
            largest = float(np.abs(wanted).max(initial=0))
            _close(gradient, wanted, max(atol * 10, 1e-5 * largest), f"gradient {number}")
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
    assert lists(layer.get_config()) == lists(expected["config"])
    assert bool(layer.supports_masking) == expected["supports_masking"]
    shapes = case.symbolic_shapes(layer.stateful)
    shape = lists(layer.compute_output_shape(shapes if case.several else shapes[0]))
    assert shape == expected["shape"]
    dtype = "int32" if case.inputs[0].dtype == np.int32 else None
    symbolic = [layers.Input(batch_shape=s, dtype=dtype) for s in shapes]
    outputs = type(layer).from_config(layer.get_config())(symbolic if case.several else symbolic[0])
    flat = [lists(output.shape) for output in tree.leaves(outputs)]
    assert flat == (shape if shape and isinstance(shape[0], list) else [shape])


def _check_copies(case, layer):
    """Configs, weights, state dicts, copies and pickles give layers that compute the same."""
    case.reset(layer)
    wanted = case.call(layer)
    again = type(layer).from_config(layer.get_config())
    serialized = layers.deserialize(layers.serialize(layer))
    for other in (again, serialized):
        case.call(other)
        assert lists(other.get_config()) == lists(layer.get_config())
    again.set_weights(layer.get_weights())
    serialized.load_state_dict(layer.state_dict(), strict=True)
    for other in (again, serialized, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        case.reset(other)
        for output, same in zip(case.call(other), wanted, strict=True):
            torch.testing.assert_close(output, same)


def _check_file(case, layer):
    """A model of the layer comes out of an HDF5 file as it went in."""
    names.reset()
    same = type(layer).from_config(layer.get_config())
    shapes = case.symbolic_shapes(layer.stateful)
    dtype = "int32" if case.inputs[0].dtype == np.int32 else None
    symbolic = [layers.Input(batch_shape=s, dtype=dtype) for s in shapes]
    model = models.Model(symbolic, same(symbolic if case.several else symbolic[0]))
    same.set_weights(layer.get_weights())
    data = [torch.tensor(array) for array in case.inputs]
    wanted = tree.flatten(model(data))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.h5")
        other = models.load_model(f"{folder}/model.h5")
    assert [w.name for w in other.weights] == [w.name for w in model.weights]
    for part in other.layers:
        case.reset(part)
    for output, expected in zip(tree.flatten(other(data)), wanted, strict=True):
        torch.testing.assert_close(output, expected)


def _check_compiled(case, layer):
    """One graph under torch.compile and under torch.export, which computes the same."""
    argument, kwargs = case.arguments([torch.tensor(array) for array in case.inputs], torch.tensor)
    if layer._takes_mask and any(mask is not None for mask in case.masks):
        masks = [None if mask is None else torch.tensor(mask) for mask in case.masks]
        kwargs["mask"] = masks if case.several else masks[0]  # as a model passes them
    case.reset(layer)
    wanted = tree.flatten(layer(argument, **kwargs))
    case.reset(layer)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    case.reset(layer)
    found = tree.flatten(compiled(argument, **kwargs))
    case.reset(layer)
    program = torch.export.export(layer, (argument,), kwargs, strict=False).module()
    case.reset(layer)
    exported = tree.flatten(program(argument, **kwargs))
    for one, other, same in zip(found, exported, wanted, strict=True):
        torch.testing.assert_close(one, same)
        torch.testing.assert_close(other, same)
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


def _check_mixed_precision(case):
    """Computed in 16 bits from weights in 32, which get gradients of 32."""
    with policies.policy_scope("mixed_bfloat16"):
        layer = case.make()
    outputs = case.call(layer)
    kept = [output.dtype is torch.bfloat16 for output in outputs if output.is_floating_point()]
    assert all(kept) or layer.compute_dtype != "bfloat16"
    assert not any(weight.dtype in ("float16", "bfloat16") for weight in layer.weights)
    terms = [output.float().sum() for output in outputs if output.requires_grad]
    if terms:
        sum(terms).backward()
    assert all(p.grad.dtype is p.dtype for p in layer.parameters() if p.grad is not None)
    wanted = case.call(case.make())
    for output, exact in zip(outputs, wanted, strict=True):
        if output.is_floating_point():
            output, exact = output.detach().float(), exact.detach()
            bound = 0.05 * max(float(exact.abs().max()) if exact.numel() else 0.0, 1.0)
            assert output.shape == exact.shape and float((output - exact).abs().mean()) < bound


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
