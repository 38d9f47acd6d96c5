"""`Layer`: an `nn.Module` that Keras code can name, build, call, freeze, save and configure.

A subclass makes native torch modules in `build` and says in `weight_map` how Keras sees their
weights. Calling a layer on tensors is `nn.Module.__call__`; calling it on symbolic tensors
records a graph node.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from . import (
    activations,
    casting,
    constraints,
    graph,
    initializers,
    names,
    policies,
    regularizers,
    tree,
)
from .arrays import as_tensor, default_device
from .casting import cast_float, forget_modules
from .connected import Connected, shape_of
from .graph import KerasTensor, Node
from .input_spec import InputSpec, check_inputs
from .penalized import Penalized, add_activity_loss, adding, functions_among, is_outermost
from .policies import Policy
from .precision import dtype_name, torch_dtype
from .registry import Table
from .seldom import Seldom
from .symbols import masks
from .tracking import holds_modules, set_training, track
from .variable import LayerWeight, Variable, Weight
from .weighted import exists

__all__ = ["InputSpec", "Layer", "Variable", "Weight"]


class Layer(Penalized, Connected, Seldom):
    """Base of all layers; write `build` and `call`, or only `call`, to make one.

    `trainable=False` freezes the weights, `name` is made up from the class where absent, `dtype`
    is a dtype or a policy such as 'mixed_float16' (the global policy by default). `input_shape`,
    `batch_input_shape`, `input_dim` describe one sample or batch for a `Sequential` that starts
    with this layer; `weights` are initial values; `activity_regularizer` penalises the output;
    `autocast=False` leaves floating inputs in the dtype they come in.
    A new layer is in inference mode, as calls in Keras are; `train()` and `fit` switch it.

    >>> class Double(Layer):
    ...     def call(self, inputs):
    ...         return 2 * inputs
    >>> Double()(torch.tensor([1.0, 2.0])).tolist()
    [2.0, 4.0]
    """

    supports_masking = False
    input_spec: Any = None
    stateful = False
    activity_regularizer: Any = None

    _takes_training = _takes_mask = _makes_mask = _trains_unless_told = False
    _augments = False  # whether it is in training where nothing is said, also inside of a model
    _call_names: tuple[str, ...] = ()  # what `call` takes behind its first argument
    _inputs_first = "inputs"
    _kind: str | None = None  # what an automatic name is made of, where not of the class's name

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "call" in cls.__dict__:
            taken = inspect.signature(cls.call).parameters
            anything = any(p.kind is p.VAR_KEYWORD for p in taken.values())
            cls._takes_training = "training" in taken or anything
            cls._trains_unless_told = "training" in taken and taken["training"].default is True
            cls._augments = cls._augments or cls._trains_unless_told
            cls._takes_mask = "mask" in taken
            named = [p.name for p in taken.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
            cls._call_names = tuple(named[2:])
            cls.forward = cls.call
        if "build" in cls.__dict__:
            cls.build = _finishing(cls.build)
        if "compute_mask" in cls.__dict__:
            cls._makes_mask = cls.supports_masking = True

    def __new__(cls, *args, **kwargs):
        layer = super().__new__(cls)
        # a class with a constructor of the user's may rely on get_config()
        if not (cls.__init__.__module__ or "").startswith("torchkeras."):
            object.__setattr__(layer, "_constructed_with", (args, kwargs))
        return layer

    def __init__(
        self,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
        dynamic: bool = False,
        *,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ):
        early = self.__dict__.get("_modules", {})
        super().__init__(trainable=bool(trainable))
        self._modules.update(early)
        self.__dict__.pop("supports_masking", None)  # said before this call, it says nothing
        self.training = False
        self._name = self._check_name(name)
        self._set_policy(policies.get_policy(dtype))
        self._losses: list[Tensor] = []
        self._nodes: list[Node] = []
        self._device = default_device()
        self.activity_regularizer = regularizers.get(activity_regularizer)
        if self.activity_regularizer is not None:
            self.register_forward_hook(add_activity_loss)
            self._note_that_it_adds()
        self._initial_weights = kwargs.pop("weights", None)
        self._batch_input_shape = _batch_input_shape(kwargs)
        self._autocast = bool(kwargs.pop("autocast", True))
        self._dynamic = bool(dynamic)
        if kwargs:
            raise TypeError(
                f"{type(self).__name__} got an unexpected keyword argument "
                f"{', '.join(map(repr, kwargs))}; see its signature for those it takes."
            )
        self.built = False
        self._checked_ndim = -1  # the rank of input that was last held against input_spec
        self.register_forward_pre_hook(_build_at_first_call, with_kwargs=True)
        if self._compute_dtype is not self._variable_dtype:
            casting.enable(self)

    # --- what subclasses write -------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the native modules or weights for inputs of `input_shape` (batch first)."""
        self.built = True

    def call(self, inputs, *args, **kwargs):
        """Compute the outputs with torch; may take `training` and `mask`. Here: the inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for an input shape, found by running the layer on stand-ins."""
        shapes = input_shape if _is_shape_list(input_shape) else [input_shape]
        inputs = [KerasTensor(s, self.compute_dtype) for s in shapes]
        outputs = self._infer((inputs if _is_shape_list(input_shape) else inputs[0],), {})
        shapes = [tensor.shape for tensor in tree.leaves(outputs)]
        return shapes if tree.is_nested(outputs) else shapes[0]

    def compute_mask(self, inputs, mask=None):
        """The mask of the output: the input's, for a layer that supports masking."""
        if not self.supports_masking:
            if any(m is not None for m in tree.leaves(mask)):
                raise TypeError(
                    f"Layer {self.name} does not support masking, but was passed a mask: {mask!r}"
                )
            return None
        return mask

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain values: `from_config` makes the same layer."""
        settings = {"name": self.name, "trainable": self.trainable, "dtype": self._policy_config()}
        if self._dynamic:
            settings["dynamic"] = True
        if self._batch_input_shape is not None:
            settings["batch_input_shape"] = self._batch_input_shape
        for parameter in constructor_parameters(type(self)):
            if parameter not in settings:
                settings[parameter] = self._setting(parameter)
        if type(self).get_config is Layer.get_config and hasattr(self, "_constructed_with"):
            settings |= self._captured_config()
        return settings

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """The layer that `get_config` described, without its weights."""
        return cls(**config)

    def _again(self):
        """A new layer with the same settings, as `clone_model` makes them."""
        return type(self).from_config(self.get_config())

    # --- calling ---------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        if (torch.compiler.is_compiling() or adding) and is_outermost():  # as `_clear_losses`
            self._clear_losses()
        if (
            not kwargs
            and not self._trains_unless_told
            and len(args) == 1
            and type(args[0]) is Tensor
            and args[0].ndim == self._checked_ndim
            and (args[0].dtype is self._compute_dtype or not args[0].is_floating_point())
            and not self._makes_mask
            and not hasattr(args[0], "_keras_mask")
        ):
            if self._takes_training:
                kwargs["training"] = self.training
            return self._run(args, kwargs)
        return self._call_in_full(args, kwargs)

    def _run(self, args, kwargs):
        """`nn.Module.__call__`; an error that the input's shape explains is told so."""
        try:
            return self._wrapped_call_impl(*args, **kwargs)
        except RuntimeError:
            self._check_inputs(args)
            raise

    def _check_inputs(self, args):
        tensors = [t for t in tree.leaves(args[:1]) if isinstance(t, Tensor)]
        check_inputs(self.input_spec, [t.shape for t in tensors], self.name)
        if len(tensors) == 1:
            self._checked_ndim = tensors[0].ndim

    forward = call  # each subclass's call becomes its forward

    def _call_in_full(self, args, kwargs):
        """A call with symbolic tensors, arrays, foreign dtypes, masks or extra arguments."""
        if graph.is_symbolic((args, kwargs)):
            return self._record(args, kwargs)
        if args:
            args = (tree.map_structure(self._ready, args[0]), *args[1:])
        elif self._inputs_first in kwargs:
            first = kwargs.pop(self._inputs_first)
            args = (tree.map_structure(self._ready, first),)
        if self.built and args:
            self._check_inputs(args)
        if self._trains_unless_told and len(args) == 1 and "training" not in kwargs:
            if is_outermost():
                kwargs["training"] = True
        training = kwargs.get("training")
        if not self._takes_training:
            kwargs.pop("training", None)
        elif training is None:
            kwargs["training"] = self.training
        mask = kwargs.get("mask")
        if mask is None and (self.supports_masking or self._takes_mask):
            mask = _masks_of(args[0] if args else None)
            if mask is not None and self._takes_mask:
                kwargs["mask"] = mask
        if training is None or bool(training) == self.training:
            outputs = self._run(args, kwargs)
        else:
            outputs = self._call_in_mode(bool(training), args, kwargs)
        if self.supports_masking and (mask is not None or self._makes_mask):
            _set_masks(outputs, self.compute_mask(args[0], mask))
        return outputs

    def _call_in_mode(self, training, args, kwargs):
        """The explicit `training` argument reaches all layers inside, as Keras' call context."""
        before = self.training
        inner = self.modules() if self.built else ()  # what is built now follows
        others = [module for module in inner if module.training != before]
        set_training(self, training)
        try:
            return self._run(args, kwargs)
        finally:
            set_training(self, before)  # those too that this call has built
            for module in others:
                module.training = not before

    def _ready(self, leaf):
        """An input as a tensor of this layer's float dtype; integers keep theirs."""
        if isinstance(leaf, Variable):
            leaf = leaf.value
        elif leaf is None or isinstance(leaf, (str, bool)):
            return leaf
        elif not isinstance(leaf, Tensor):
            leaf = as_tensor(leaf, device=self.device)
        if self._autocast and not torch.is_autocast_enabled(leaf.device.type):
            return cast_float(leaf, self._compute_dtype)
        return leaf

    def _record(self, args, kwargs):
        """Build, check and note a symbolic call; the result is symbolic."""
        if not args:
            args = (kwargs.pop(self._inputs_first),)
        elif len(args) <= len(self._call_names) + 1:  # configs know the others by name
            kwargs = kwargs | dict(zip(self._call_names, args[1:], strict=False))
            args = args[:1]
        inputs = args[0]
        flat = [t for t in tree.leaves(inputs) if isinstance(t, KerasTensor)]
        self._ensure_built(tree.map_structure(shape_of, inputs))
        check_inputs(self.input_spec, [t.shape for t in flat], self.name)
        mask = _masks_of(inputs) if self._takes_mask and kwargs.get("mask") is None else None
        shown = kwargs if mask is None else kwargs | {"mask": mask}  # what `call` will see
        outputs = self.note_call(args, kwargs, self._symbolic_outputs(args, shown))
        node = next(iter(tree.leaves(outputs))).node
        node.tell_parents()
        self._nodes.append(node)
        return outputs

    def note_call(self, args: tuple, kwargs: dict[str, Any], outputs: Any) -> Any:
        """`outputs` as those of a call; masks go in and come out."""
        inputs, mask = args[0], None
        if kwargs.get("mask") is None and (self.supports_masking or self._takes_mask):
            mask = _masks_of(inputs)
        explicit = mask if mask is not None else kwargs.get("mask")
        passed = mask if self._takes_mask else None
        with masks():
            graph.record(self, args, kwargs, passed, outputs)
            if self.supports_masking:
                _set_masks(outputs, self.compute_mask(inputs, explicit))
        return outputs

    def _symbolic_outputs(self, args, kwargs):
        if not type(self).__module__.startswith("torchkeras."):
            return self._infer(args, kwargs)
        inputs = args[0]
        shapes = self.compute_output_shape(tree.map_structure(shape_of, inputs))
        dtype = self.output_dtype([t.dtype for t in tree.leaves(inputs) if hasattr(t, "dtype")])
        if _is_shape_list(shapes):
            return [KerasTensor(shape, dtype) for shape in shapes]
        return KerasTensor(shapes, dtype)

    def output_dtype(self, input_dtypes: list) -> str:
        """Name of the output's dtype: this layer's, but integers stay where no weight acts."""
        if self._weights or any("float" in str(dtype) for dtype in input_dtypes):
            return self.compute_dtype
        return input_dtypes[0] if input_dtypes else self.compute_dtype

    def _infer(self, args, kwargs):
        kwargs = dict(kwargs)
        if self._takes_training:
            kwargs.setdefault("training", False)
        outputs = graph.infer(self._wrapped_call_impl, args, kwargs, device=str(self.device))
        self._clear_losses()
        return outputs

    # --- building --------------------------------------------------------------------------

    def _ensure_built(self, input_shape: Any) -> None:
        if self.built:
            return
        check_inputs(self.input_spec, _flat_shapes(input_shape), self.name)
        self._prefix_sublayers()
        self._built_for = input_shape
        self.build(input_shape)
        self._finish_build()

    def _finish_build(self):
        """Enter the rows of the weight table, draw initial values, freeze and set the mode."""
        known = [weight.weight for weight in self._weights]
        for row in self.weight_map:
            if row not in known and all(exists(self, path) for path in row.paths):
                self._weights.append(self._enter(row))
        self.built = True
        self._gather()
        for parameter in self.parameters():
            self._device = parameter.device
            break
        forget_modules(self)
        hooks = self._forward_pre_hooks
        for key in [k for k, hook in hooks.items() if hook is _build_at_first_call]:
            del hooks[key]
            self._forward_pre_hooks_with_kwargs.pop(key, None)
        self._freeze()
        self.train(self.training)
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def _prefix_sublayers(self):
        """Weights made inside carry this layer's name before their own."""
        for child in self._sublayers():
            if not child.built and not child._prefix:
                child._prefix = self._path("")

    def _sublayers(self) -> Iterator[Layer]:
        for child in self._children():
            if isinstance(child, Layer):
                yield child
            else:
                yield from (m for m in child.modules() if isinstance(m, Layer))

    # --- names, dtypes, nodes --------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._name

    @property
    def dtype(self) -> str:
        """Name of the dtype of the weights."""
        return self.dtype_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """Name of the dtype in which the layer computes, as its policy says."""
        return self.dtype_policy.compute_dtype

    @property
    def dtype_policy(self) -> Policy:
        return self._policy

    def _set_policy(self, policy):
        self._policy = policy
        self._compute_dtype = torch_dtype(policy.compute_dtype)
        self._variable_dtype = torch_dtype(policy.variable_dtype)

    def _policy_config(self):
        return policies.serialize(self._policy)

    @property
    def device(self) -> torch.device:
        """Where the weights are, or will be made."""
        return self._device

    def _check_name(self, name):
        if name is None:
            return names.unique_name(self._kind or names.to_snake_case(type(self).__name__))
        if not isinstance(name, str) or names.has_controls(name) or ".." in name.split("/"):
            raise ValueError(
                f"A layer name must be text without '..' or control characters; received {name!r}."
            )
        return name

    def _setting(self, parameter):
        """A constructor argument as plain values."""
        value = getattr(self, parameter)
        for suffix, module in _SERIALIZERS.items():
            if parameter.endswith(suffix):
                return module.serialize(value)
        return value

    def _captured_config(self):
        args, kwargs = self._constructed_with
        bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs)
        found = {}
        for key, value in list(bound.arguments.items())[1:]:
            kind = inspect.signature(type(self).__init__).parameters[key].kind
            found |= value if kind is inspect.Parameter.VAR_KEYWORD else {key: value}
        for key, value in found.items():
            if not all(isinstance(v, (str, int, float, type(None))) for v in tree.leaves(value)):
                raise NotImplementedError(
                    f"{type(self).__name__} was made with {key}={value!r}, which cannot be saved "
                    "as it is. Write a get_config() method that returns plain values."
                )
        return found

    # --- nn.Module -------------------------------------------------------------------------

    def __setattr__(self, name, value):
        if "_modules" not in self.__dict__ and name != "__dict__" and holds_modules([value]):
            self._begin_early(name)
        if isinstance(value, Variable):
            if not isinstance(value, LayerWeight) and "_nodes" in self.__dict__:
                value = self._adopt(name, value)
            object.__setattr__(self, name, value)
        elif (
            isinstance(value, (list, dict))
            and (name[0] != "_" or not _set_by_library())
            and holds_modules(value)
        ):
            object.__setattr__(self, name, track(self, name, value))
        else:
            if value is None and name == "activation" and self._is_of_library():
                value = activations.linear  # as scripts that look at logits take it away
            super().__setattr__(name, value)
            if isinstance(value, nn.Module):
                forget_modules(self)

    def _begin_early(self, name):
        """Take a layer that a constructor sets before it calls that of `Layer`, as in tf.keras."""
        nn.Module.__init__(self)

    @classmethod
    def _is_of_library(cls):
        return cls.__module__.startswith("torchkeras.")

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        probe = fn(torch.empty(0, dtype=self._variable_dtype, device=self._device))
        self._device = probe.device
        if self._variable_dtype not in (None, probe.dtype):
            self._set_policy(Policy(dtype_name(probe.dtype)))
        return self

    def __getstate__(self):
        # a graph that is copied too makes the nodes again; losses belong to a forward pass
        losses = functions_among(self._losses)
        emptied = {"_nodes": [], "_users": [], "_losses": losses, "_adds_losses": False}
        state = {**self.__dict__, **emptied}
        for compiled in ("forward", "_compiled_call_impl"):  # made again where it is called for
            state.pop(compiled, None)
        return state

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


_SERIALIZERS = {
    "activation": activations,
    "_initializer": initializers,
    "_regularizer": regularizers,
    "_constraint": constraints,
}


def _finishing(build):
    """`build`, with weights that are ready after it, whoever calls it: a script, a subclass."""

    @functools.wraps(build)
    def build_and_finish(self, *args, **kwargs):
        build(self, *args, **kwargs)
        if self.built:
            self._finish_build()

    return build_and_finish


def _build_at_first_call(layer, args, kwargs):
    """Forward pre-hook of a layer that is not built; building removes it."""
    inputs = args[0] if args else next(iter(kwargs.values()))
    with torch.inference_mode(False):  # or weights that `predict` makes could not be trained
        layer._ensure_built(tree.map_structure(shape_of, inputs))


def _set_by_library():
    """Whether an attribute is set by code of this package or of torch: lists of their own."""
    frame = sys._getframe(2)
    while frame.f_code.co_name == "__setattr__":  # that of a model, or of the user's class
        frame = frame.f_back
    return frame.f_globals.get("__name__", "").partition(".")[0] in ("torch", "torchkeras")


def _is_shape_list(shape):
    """Whether `shape` is several shapes: a shape is a flat tuple of integers and None."""
    items = shape.values() if isinstance(shape, dict) else shape
    return any(isinstance(item, (tuple, list)) for item in items)


def _flat_shapes(shape):
    if not _is_shape_list(shape):
        return [tuple(shape)]
    items = shape.values() if isinstance(shape, dict) else shape
    return [flat for item in items if item is not None for flat in _flat_shapes(item)]


def _masks_of(inputs):
    """The masks that inputs carry, in the inputs' nesting; None if none carries one."""
    if not tree.is_nested(inputs):
        return getattr(inputs, "_keras_mask", None)
    masks = [getattr(leaf, "_keras_mask", None) for leaf in tree.leaves(inputs)]
    return None if all(mask is None for mask in masks) else tree.pack(inputs, masks)


def _set_masks(outputs, masks):
    if masks is None:
        return
    if not isinstance(masks, (list, tuple)):
        masks = [masks]
    for output, mask in zip(tree.leaves(outputs), masks, strict=False):
        if mask is not None:
            output._keras_mask = mask


def _batch_input_shape(kwargs):
    """The shape of a batch as the `input_shape` family of arguments gives it, or None."""
    batch_size = kwargs.pop("batch_size", None)
    shape, whole = kwargs.pop("input_shape", None), kwargs.pop("batch_input_shape", None)
    if "input_dim" in kwargs:
        shape = (kwargs.pop("input_dim"),) if shape is None else shape
        kwargs.pop("input_dim", None)
    if whole is not None:
        return tuple(whole)
    if shape is None:
        return None
    return (batch_size, *((shape,) if isinstance(shape, int) else tuple(shape)))


def constructor_parameters(cls):
    """Names of the constructor's arguments, through **kwargs up to `Layer`.

    Users' classes tell theirs in `get_config`, or they are taken from the call that made them.
    """
    found = {}
    for base in cls.__mro__:
        if base is Layer:
            break
        if "__init__" in base.__dict__ and base.__module__.startswith("torchkeras."):
            parameters = inspect.signature(base.__init__).parameters.values()
            kinds = {p.kind for p in parameters}
            plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            found |= {p.name: None for p in parameters if p.kind in plain and p.name != "self"}
            if inspect.Parameter.VAR_KEYWORD not in kinds:
                break
    return list(found)


TABLE = Table("layer", "keras.layers")
