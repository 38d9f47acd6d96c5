"""`keras.experimental`: a linear model, a wide and deep one, and names of settled things."""

from __future__ import annotations

import copy
from typing import Any

from . import activations, configs, initializers, optimizers, regularizers, tree
from .data.arrays import unpack_x_y_sample_weight
from .layer import TABLE, Layer
from .layers import Dense
from .models import Model
from .optimizers.schedules import CosineDecay, CosineDecayRestarts
from .utils import SidecarEvaluator

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "LinearModel",
    "SequenceFeatures",
    "SidecarEvaluator",
    "WideDeepModel",
]


@TABLE.add()
class LinearModel(Model):
    """`activation(sum of inputs @ kernels + bias)`: linear and logistic regression.

    Inputs are one tensor `(batch, ..., n)`, a list or a dictionary of such; each has a kernel
    `(n, units)` of its own, those of a dictionary in the order of its sorted keys. ValueError
    where a dictionary lacks a key that the model was built with.

    >>> import torch
    >>> model = LinearModel(units=2)
    >>> model({"age": torch.ones(2, 1), "size": torch.ones(2, 3)}).shape
    torch.Size([2, 2])
    """

    serialized_as = "keras.experimental", None

    def __init__(
        self,
        units: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "zeros",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def build(self, input_shape: Any) -> None:
        self._built_for = input_shape
        if isinstance(input_shape, dict):
            shapes = [(name, input_shape[name]) for name in sorted(input_shape)]
        elif any(isinstance(shape, (tuple, list)) for shape in input_shape):
            shapes = [(None, shape) for shape in input_shape]
        else:
            shapes = [(None, input_shape)]
        self.dense_layers = [self._dense(name, shape) for name, shape in shapes]
        if self.use_bias:
            self.add_weight("bias", self.units, None, self.bias_initializer, self.bias_regularizer)
        self._finish_build()

    def _dense(self, name, shape):
        layer = Dense(
            self.units,
            use_bias=False,
            kernel_initializer=self.kernel_initializer,
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )
        layer._ensure_built(tuple(shape))
        for weight in layer.weights:
            weight._name = self._path("kernel")  # without the layer's name, as in tf.keras
        return layer

    def call(self, inputs):
        if isinstance(inputs, dict):
            missing = sorted({layer.name for layer in self.dense_layers} - set(inputs))
            if missing:
                raise ValueError(
                    f"The inputs of model {self.name!r} lack {missing}: it was built for "
                    f"{[layer.name for layer in self.dense_layers]} and received {list(inputs)}."
                )
            inputs = [inputs[layer.name] for layer in self.dense_layers]
        elif not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        if len(inputs) != len(self.dense_layers):
            raise ValueError(
                f"Model {self.name!r} was built for {len(self.dense_layers)} input(s); received "
                f"{len(inputs)}."
            )
        parts = [layer(x) for layer, x in zip(self.dense_layers, inputs, strict=True)]
        result = sum(parts[1:], start=parts[0])
        return self.activation(result + self.bias if self.use_bias else result)


@TABLE.add()
class WideDeepModel(Model):
    """`activation(linear_model(x) + dnn_model(x))`, or of two inputs, one for each model.

    `compile(optimizer=[first, second])` trains the linear model by the first optimizer, the
    other by the second; one optimizer trains both.

    >>> from torchkeras import Sequential, layers
    >>> model = WideDeepModel(LinearModel(), Sequential([layers.Dense(4), layers.Dense(1)]))
    >>> model.compile(optimizer=["sgd", "adam"], loss="mse")
    >>> model.fit([[1.0, 2.0]], [[3.0]], verbose=0).epoch
    [0]
    """

    serialized_as = "keras.experimental", None

    def __init__(self, linear_model: Any, dnn_model: Any, activation: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.linear_model = linear_model
        self.dnn_model = dnn_model
        self.activation = activations.get(activation)

    def call(self, inputs):
        pair = isinstance(inputs, (tuple, list)) and len(inputs) == 2
        linear_inputs, dnn_inputs = inputs if pair else (inputs, inputs)
        linear, deep = self.linear_model(linear_inputs), self.dnn_model(dnn_inputs)
        return tree.map_structure(lambda a, b: self.activation(a + b), linear, deep)

    def compile(self, optimizer: Any = "rmsprop", *args: Any, **kwargs: Any) -> None:
        """As for any model; `optimizer` may be a list of two. ValueError for other lists."""
        if not isinstance(optimizer, (list, tuple)):
            super().compile(optimizer, *args, **kwargs)
            self._first = self._second = None
            return
        if len(optimizer) != 2:
            raise ValueError(
                f"Model {self.name!r} takes one optimizer, or two: the linear model's and the "
                f"other's; received {len(optimizer)}."
            )
        if self.dtype_policy.name == "mixed_float16":
            raise ValueError(
                f"Model {self.name!r} cannot scale the loss for two optimizers; give one, or use "
                "the policy 'mixed_bfloat16'."
            )
        first, second = map(optimizers.get, optimizer)
        if first is second:
            raise ValueError(
                f"Model {self.name!r} received the same optimizer twice; give two, or it alone."
            )
        super().compile(first, *args, **kwargs)
        first.serve(self.linear_model)
        second.serve(self.dnn_model)
        self.optimizer = [first, second]
        self._first, self._second = first, second  # where an interrupted run finds their state

    def train_step(self, data: Any) -> Any:
        """One step on a batch; each of two optimizers updates its model."""
        if not isinstance(self.optimizer, list):
            return super().train_step(data)
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._outputs_of(x, True)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        if loss is None or y is None:
            self._validate_target_and_loss(y, loss)
        first, second = self.optimizer
        wide = self.linear_model.trainable_variables
        pairs = first.compute_gradients(loss, wide + self.dnn_model.trainable_variables)
        first.apply_gradients(pairs[: len(wide)])
        second.apply_gradients(pairs[len(wide) :])
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self._policy_config(),
            "linear_model": configs.serialize(TABLE, self.linear_model),
            "dnn_model": configs.serialize(TABLE, self.dnn_model),
            "activation": activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = copy.deepcopy(config)
        for part in ("linear_model", "dnn_model"):
            config[part] = TABLE.deserialize(config[part], custom_objects)
        config["activation"] = activations.get(config.get("activation"))
        return cls(**config)


@TABLE.add()
class SequenceFeatures(Layer):
    """Feature columns of sequences as one tensor: not possible without TensorFlow.

    >>> SequenceFeatures([])
    Traceback (most recent call last):
    ...
    NotImplementedError: SequenceFeatures computes TensorFlow's feature columns, ...
    """

    serialized_as = "keras.experimental", None

    def __init__(
        self, feature_columns: Any, trainable: bool = True, name: str | None = None, **kwargs: Any
    ):
        raise NotImplementedError(
            "SequenceFeatures computes TensorFlow's feature columns, which need TensorFlow. Pad "
            "the sequences with keras.utils.pad_sequences; give numbers to the model as they are, "
            "categories to StringLookup or Hashing and Embedding(mask_zero=True), and join them "
            "with Concatenate."
        )
