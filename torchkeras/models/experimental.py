"""`keras.models.experimental`: a model around a model that looks for flat minima."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from .. import configs, tree
from ..data.arrays import unpack_x_y_sample_weight
from ..layer import TABLE
from ..training import execution
from .model import Model

__all__ = ["SharpnessAwareMinimization"]


@TABLE.add()
class SharpnessAwareMinimization(Model):
    """Train `model` by its gradients `rho` away, where the loss rises most steeply.

    A step computes gradients, moves the weights along them by the distance `rho`, computes the
    gradients there, moves back, and gives those to the optimizer. `num_batch_splits` parts of a
    batch take these two passes one after another, and their gradients add up. As in tf.keras the
    passes run in inference mode, without penalties or sample weights: dropout does nothing and
    batch normalization keeps its statistics. Source: Foret et al. 2020, arXiv 2010.01412.

    >>> from torchkeras import Sequential, layers
    >>> inner = Sequential([layers.Dense(1, input_shape=(2,))])
    >>> model = SharpnessAwareMinimization(inner, rho=0.1)
    >>> model.compile("sgd", "mse")
    >>> model.fit([[1.0, 2.0]], [[3.0]], verbose=0).epoch
    [0]
    """

    serialized_as = "keras.models.experimental", None

    def __init__(
        self,
        model: Any,
        rho: float = 0.05,
        num_batch_splits: int | None = None,
        name: str | None = None,
    ):
        whole = isinstance(num_batch_splits, int) and not isinstance(num_batch_splits, bool)
        if num_batch_splits is not None and (not whole or num_batch_splits < 1):
            raise ValueError(
                "num_batch_splits of SharpnessAwareMinimization must be a positive integer or "
                f"None; received {num_batch_splits!r}."
            )
        super().__init__(name=name)
        self.model = model
        self.rho = rho
        self.num_batch_splits = num_batch_splits

    def call(self, inputs):
        return self.model(inputs)

    def train_step(self, data: Any) -> Any:
        """One step on a batch; ValueError where it cannot be split evenly."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        count = self.num_batch_splits or 1
        predictions, gradients = [], []
        for part in zip(self._split(x, count), self._split(y, count), strict=True):
            prediction, found = self._part_step(*part)
            predictions.append(prediction)
            gradients.append(found)
        summed = [_sum(of_one) for of_one in zip(*gradients, strict=True)]
        self.optimizer.apply_gradients(zip(summed, self._natives(), strict=True))
        y_pred = tree.map_structure(lambda *parts: torch.cat(parts), *predictions)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def _part_step(self, x, y):
        """Predictions, and the gradients that the loss has at the far point."""
        prediction, gradients = self._gradients(x, y)
        moved = [
            (p, grad)
            for p, grad in zip(self._natives(), gradients, strict=True)
            if grad is not None
        ]
        if not moved:
            return prediction, gradients
        weights, slopes = map(list, zip(*moved, strict=True))
        with torch.no_grad():
            before = [weight.clone() for weight in weights]
            length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(slopes)))
            steps = torch._foreach_mul(slopes, self.rho / (length + 1e-12))
            torch._foreach_add_(weights, steps)
        try:
            _, gradients = self._gradients(x, y)
        finally:
            with torch.no_grad():
                torch._foreach_copy_(weights, before)
        return prediction, gradients

    def _gradients(self, x, y):
        prediction = self(x, training=False)
        loss = self._compiled.loss(y, prediction, None, [])
        if loss is None or y is None:
            self._validate_target_and_loss(y, loss)
        if not self.optimizer.built:
            self.optimizer.build(self.model.trainable_variables)
            execution.start_graph(self)
        return prediction, torch.autograd.grad(loss, self._natives(), allow_unused=True)

    def _natives(self) -> list[Tensor]:
        return [p for variable in self.model.trainable_variables for p in variable.native]

    def _split(self, batch, count):
        """`batch`, tensors in any nesting, in `count` parts of one size."""
        if count == 1:
            return [batch]
        sizes = {tensor.shape[0] for tensor in tree.leaves(batch) if tensor is not None}
        for size in sizes:
            if size % count:
                raise ValueError(
                    f"Model {self.name!r} splits batches in num_batch_splits={count} parts of one "
                    f"size, but a batch has {size} samples. Choose a batch_size that it divides, "
                    "and leave out what remains at the end of the data."
                )
        return [
            tree.map_structure(lambda t, i=i: None if t is None else t.chunk(count)[i], batch)
            for i in range(count)
        ]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; tf.keras writes `model` and `rho` and takes all."""
        return {
            "model": configs.serialize(TABLE, self.model),
            "rho": self.rho,
            "num_batch_splits": self.num_batch_splits,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = copy.deepcopy(config)
        model = TABLE.deserialize(config.pop("model"), custom_objects)
        return cls(model, **config)


def _sum(gradients):
    """The sum of the gradients of one weight, None where no part has one."""
    found = [gradient for gradient in gradients if gradient is not None]
    return sum(found[1:], start=found[0]) if found else None
