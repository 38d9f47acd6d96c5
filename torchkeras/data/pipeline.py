"""What every data set is: a way to make its elements anew, their number and their looks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from .elements import Strings, TensorSpec, as_numpy, map_leaves, spec_of, structure
from .rows import INFINITE, UNKNOWN, Rows
from .specs import with_first_axis


class Pipeline:
    """What a `Dataset` is before it has methods that make others of it.

    `make` starts an iteration; `size` is the number of elements; `spec` tells what they are, found
    by the first element where it is absent. `rows` are the slices of arrays that the elements are,
    `remake` makes the same data set with its arrays elsewhere, `inputs` are those it is made of.
    """

    _mapped: tuple[Pipeline, Callable] | None = None  # the data set and the function of a `map`

    def __init__(
        self,
        make: Callable[[], Iterator[Any]],
        size: int = UNKNOWN,
        spec: Callable[[], Any] | None = None,
        rows: Rows | None = None,
        remake: Callable[[Callable], Pipeline] | None = None,
        inputs: tuple[Pipeline, ...] = (),
        runs_code: bool = False,
    ):
        self._make, self._size, self._find_spec = make, size, spec
        self._rows, self._remake = rows, remake
        self._shuffles = tuple(dict.fromkeys(s for one in inputs for s in one._shuffles))
        self._runs_code = runs_code or any(one._runs_code for one in inputs)

    # --- consumption -------------------------------------------------------------------------

    def apply(self, transformation_func: Callable[[Pipeline], Pipeline]) -> Pipeline:
        """`transformation_func` of this data set."""
        return require_dataset(transformation_func(self), "transformation_func")

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """The last state, where `reduce_func(state, element)` gives the next one.

        >>> from torchkeras.data import Dataset
        >>> int(Dataset.range(5).reduce(0, lambda total, x: total + x))
        10
        """
        state = structure(initial_state)
        for element in self:
            state = structure(reduce_func(state, element))
        return state

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element; ValueError where there is none or a second."""
        found = list(itertools.islice(iter(self), 2))
        if len(found) != 1:
            raise ValueError(
                f"The data set must have one element; it has {'more' if found else 'none'}."
            )
        return found[0]

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as numpy arrays and scalars, texts as bytes."""
        return (as_numpy(element) for element in self)

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(self)

    @property
    def element_spec(self) -> Any:
        """`TensorSpec`s of the elements: shapes (None where they vary) and dtypes.

        Behind functions it is found by running them on the first element.
        """
        if self._find_spec is None:
            return spec_of(next(iter(self)))
        return self._find_spec()

    def cardinality(self) -> Tensor:
        """The number of elements, INFINITE_CARDINALITY or UNKNOWN_CARDINALITY."""
        return torch.tensor(self._size, dtype=torch.int64, device="cpu")

    def __len__(self) -> int:
        if self._size < 0:
            raise TypeError(
                f"The data set is {'infinite' if self._size == INFINITE else 'of unknown length'}."
            )
        return self._size

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        size = {INFINITE: "infinite", UNKNOWN: "unknown"}.get(self._size, self._size)
        spec = f", element_spec={self.element_spec}" if self._rows is not None else ""
        return f"<Dataset cardinality={size}{spec}>"

    def with_options(self, options: Any, name: str | None = None) -> Pipeline:
        """The same data set: options of TensorFlow's runtime change no element."""
        return self

    def options(self) -> Options:
        """The default options."""
        return Options()

    # --- inside ------------------------------------------------------------------------------

    def placed(self, place: Callable[[Tensor], Tensor]) -> Pipeline:
        """The same data set with the arrays it slices, and nothing else, sent through `place`.

        What follows a function is left alone: the function was written for its arrays.
        """
        if self._rows is not None:
            return self._of_rows(self._rows.placed(place), self._size, (self,))
        return self if self._remake is None else self._remake(place)

    def pass_over(self, passes: int) -> None:
        """Let shuffles draw the orders of some iterations that nobody reads."""
        for shuffle in self._shuffles:
            shuffle.passes += passes

    def sources(self) -> list[Tensor]:
        """The arrays that `placed` would move."""
        found: list[Tensor] = []

        def note(column):
            found.append(column)
            return column

        self.placed(note)
        return found

    @classmethod
    def _of_rows(cls, rows: Rows, size: int, inputs: tuple[Pipeline, ...] = ()) -> Pipeline:
        def spec():
            return map_leaves(
                lambda leaf: TensorSpec(
                    tuple(leaf.shape[1:]), "string" if isinstance(leaf, Strings) else leaf.dtype
                ),
                rows.columns,
            )

        return cls(rows.elements, size, spec, rows, inputs=inputs)

    def _like(self, make, size, again=None, runs_code=False):
        """A data set of elements that look as ours do; `again` does the same to another parent."""
        remake = None if again is None else (lambda place: again(self.placed(place)))
        return type(self)(
            make, size, lambda: self.element_spec, None, remake, (self,), runs_code=runs_code
        )

    def _batched(self, make, size, drop, again=None):
        count = self._size
        if count >= 0:
            count = count // size if drop else -(-count // size)
        made = self._like(make, count, again)
        made._find_spec = lambda: with_first_axis(self.element_spec, size if drop else None)
        return made


class DatasetIterator:
    """One iteration over a `Dataset`."""

    def __init__(self, dataset: Pipeline):
        self._dataset = dataset
        self._running = dataset._make()

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        # Elements outlive the block in which they were made (cache, shuffle), so they must be
        # tensors that training may use.
        with torch.inference_mode(False), torch.no_grad():
            return next(self._running)

    def get_next(self) -> Any:
        """The next element; StopIteration at the end."""
        return next(self)

    @property
    def element_spec(self) -> Any:
        return self._dataset.element_spec

    def close(self) -> None:
        """End the threads of this iteration; nothing comes afterwards."""
        getattr(self._running, "close", lambda: None)()


class Options:
    """Settings of TensorFlow's runtime, taken and kept; none of them changes an element."""

    _NAMES = {
        "autotune", "deterministic", "experimental_deterministic", "experimental_distribute",
        "experimental_external_state_policy", "experimental_optimization", "experimental_slack",
        "experimental_symbolic_checkpoint", "experimental_threading", "experimental_warm_start",
        "framework_type", "threading",
    }  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        if name not in self._NAMES:
            raise AttributeError(f"Options has no {name!r}.")
        value = None if name.endswith("deterministic") else _Settings()
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._NAMES:
            raise AttributeError(f"Options has no {name!r}.")
        self.__dict__[name] = value


class _Settings:
    """A group of options, any of them."""


def require_dataset(made: Any, argument: str) -> Pipeline:
    """`made`; TypeError, naming the argument whose function made it, where it is no data set."""
    if not isinstance(made, Pipeline):
        raise TypeError(f"`{argument}` must return a Dataset; it returned {type(made).__name__}.")
    return made


def positive(argument: str, value: Any) -> int:
    """`value`; ValueError, naming the argument, where it is not a positive integer."""
    if isinstance(value, float) or int(value) < 1:
        raise ValueError(f"`{argument}` must be a positive integer; received {value!r}.")
    return int(value)
