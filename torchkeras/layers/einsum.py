"""`EinsumDense`: a dense layer whose product is an einsum equation."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import Tensor, nn

from .. import activations, constraints, initializers, regularizers
from ..layer import TABLE, Layer, Weight

_FORMS = {  # by where the ellipsis stands
    "": r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)",
    "left": r"\.\.\.([a-zA-Z]+),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)",
    "right": r"([a-zA-Z]{2,})\.\.\.,([a-zA-Z]+)->([a-zA-Z]+)\.\.\.",
}


@TABLE.add()
class EinsumDense(Layer):
    """`activation(einsum(equation, inputs, kernel) + bias)`.

    `output_shape` is that of a sample, with None for axes taken from the inputs; it and the
    inputs size the kernel. `bias_axes` names the axes of the output that the bias has, None for
    no bias. An equation that sums the last axes of the inputs against the first ones of the
    kernel, as `"abc,cde->abde"` does, runs on `nn.Linear`; others on `torch.einsum`.

    >>> EinsumDense("abc,cd->abd", output_shape=(None, 4))(torch.ones(2, 3, 5)).shape
    torch.Size([2, 3, 4])
    """

    weight_map = (Weight("kernel", "linear.weight"), Weight("bias", "linear.bias"))

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        if activity_regularizer is not None:
            # tf.keras takes the argument and forgets it: no loss, None in the config.
            raise ValueError(
                "EinsumDense has no activity_regularizer: tf.keras ignores it. Put "
                "ActivityRegularization behind the layer."
            )
        super().__init__(**kwargs)
        self.equation = equation
        sizes = [output_shape] if isinstance(output_shape, int) else output_shape
        self.partial_output_shape = list(sizes)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._terms = self._parse(equation)

    def _parse(self, equation):
        """The letters of inputs, kernel and output, and where the ellipsis stands."""
        for elided, form in _FORMS.items():
            found = re.fullmatch(form, equation.replace(" ", ""))
            if found:
                return (*found.groups(), elided)
        raise ValueError(
            f'equation of layer "{self.name}" must have the form "ab,bc->ac", "...b,bc->...c" or '
            f'"ab...,bc->ac..."; received {equation!r}.'
        )

    def _settle(self, input_shape):
        """Sizes of all letters and the output's shape; ValueError where they contradict."""
        inputs, kernel, outputs, elided = self._terms
        extra = len(input_shape) - len(inputs)
        if extra < 0 or (extra and not elided):
            raise self._refusal(f"inputs of rank {len(inputs)}", input_shape)
        shape = list(input_shape)
        own = shape[extra:] if elided == "left" else shape[: len(inputs)]
        passed = shape[:extra] if elided == "left" else shape[len(inputs) :]
        sizes = dict(zip(inputs, own, strict=True))
        told = list(self.partial_output_shape)
        if elided == "left":  # the batch is among the axes that the ellipsis stands for
            named = told if passed else [input_shape[0], *told]
        else:
            named = [input_shape[0], *told]
        if len(named) != len(outputs):
            raise self._refusal(f"an output_shape that fits {outputs!r}", input_shape)
        for letter, size in zip(outputs, named, strict=True):
            known = sizes.get(letter)
            if None not in (size, known) and size != known:
                raise self._refusal(f"{known} for {letter!r} in output_shape", input_shape)
            if known is None:
                sizes[letter] = size
        for letter in outputs + kernel:
            if letter not in sizes or (letter in kernel and sizes[letter] is None):
                raise self._refusal(f"a known size of axis {letter!r}", input_shape)
        full = [sizes[letter] for letter in outputs]
        return sizes, tuple(passed + full if elided == "left" else full + passed)

    def _refusal(self, wanted, input_shape):
        return ValueError(
            f'Layer "{self.name}" with equation {self.equation!r} and output_shape '
            f"{self.partial_output_shape} needs {wanted}; received inputs of shape "
            f"{tuple(input_shape)}."
        )

    def _bias_letters(self):
        """The letters of the bias from its first axis on; those that it lacks have size 1."""
        outputs = self._terms[2]
        unknown = set(self.bias_axes) - set(outputs)
        if unknown:
            raise ValueError(
                f'bias_axes={self.bias_axes!r} of layer "{self.name}" names '
                f"{', '.join(sorted(unknown))}, which the output {outputs!r} does not have."
            )
        return outputs[min(outputs.index(letter) for letter in self.bias_axes) :]

    def build(self, input_shape: Any) -> None:
        sizes, output_shape = self._settle(input_shape)
        inputs, kernel, outputs, elided = self._terms
        bias = self._bias_letters() if self.bias_axes else ""
        summed = "".join(letter for letter in kernel if letter not in outputs)
        made = kernel[len(summed) :]
        # As a matrix product: the kernel sums what the inputs end with, and makes what the
        # output ends with.
        self._on_linear = bool(
            elided != "right"
            and summed
            and made
            and kernel == summed + made
            and inputs.endswith(summed)
            and outputs == inputs[: -len(summed)] + made
            and (not bias or (bias == made and set(self.bias_axes) == set(made)))
        )
        if self._on_linear:
            self._build_linear(sizes, summed, made, bool(bias))
        else:
            self._build_general(sizes, kernel, bias, len(output_shape) - len(outputs))
        self.built = True

    def _build_linear(self, sizes, summed, made, with_bias):
        self._summed, self._made = [[sizes[a] for a in letters] for letters in (summed, made)]
        for number, size in enumerate(self._summed + self._made):
            setattr(self, f"_size_{number}", size)
        axes = list(summed + made)
        spread = {axis: f"_size_{number}" for number, axis in enumerate(axes)}
        group = lambda letters: f"({' '.join(letters)})"  # noqa: E731
        pattern = f"{group(made)} {group(summed)} -> {' '.join(axes)}"
        rows = [Weight("kernel", "linear.weight", pattern, sizes=spread)]
        if with_bias:
            pattern = f"{group(made)} -> {' '.join(made)}"
            spread = {axis: spread[axis] for axis in made}
            rows.append(Weight("bias", "linear.bias", pattern, sizes=spread))
        self.weight_map = tuple(rows)
        shape = math.prod(self._summed), math.prod(self._made)
        self.linear = self.make(nn.Linear, *shape, bias=with_bias)

    def _build_general(self, sizes, kernel, bias, elided_rank):
        bias_shape = [sizes[letter] if letter in self.bias_axes else 1 for letter in bias]
        if None in bias_shape:
            raise ValueError(
                f'bias_axes={self.bias_axes!r} of layer "{self.name}" names an axis whose size is '
                "open."
            )
        if bias and self._terms[3] == "right":
            bias_shape += [1] * elided_rank
        shape = [sizes[letter] for letter in kernel]
        self.weight_map = (Weight("kernel", "product.weight"), Weight("bias", "product.bias"))
        self.product = self.make(Einsum, self.equation, shape, bias_shape if bias else None)

    def call(self, inputs: Tensor) -> Tensor:
        if self._on_linear:
            if len(self._summed) > 1:
                inputs = inputs.flatten(-len(self._summed))
            outputs = self.linear(inputs)
            if len(self._made) > 1:
                outputs = outputs.unflatten(-1, self._made)
        else:
            outputs = self.product(inputs)
        if self.activation is not activations.linear:
            outputs = self.activation(outputs)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return self._settle(input_shape)[1]

    def _setting(self, parameter):
        if parameter == "output_shape":  # the attribute of that name is the symbolic output's
            return self.partial_output_shape
        return None if parameter == "activity_regularizer" else super()._setting(parameter)


class Einsum(nn.Module):
    """`einsum(equation, inputs, weight) + bias`."""

    def __init__(self, equation, shape, bias_shape, device=None, dtype=None):
        super().__init__()
        self.equation = equation
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        made = bias_shape and nn.Parameter(torch.empty(bias_shape, device=device, dtype=dtype))
        self.register_parameter("bias", made)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = torch.einsum(self.equation, inputs, self.weight)
        return outputs if self.bias is None else outputs + self.bias
