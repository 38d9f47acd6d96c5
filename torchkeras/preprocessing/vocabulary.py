"""A vocabulary in the manner of torchtext: a list of words whose places are their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class Vocabulary:
    """Words and their numbers; unknown words get `default_index`, or KeyError where it is None.

    >>> vocabulary = Vocabulary(["<pad>", "<unk>", "cat"], default_index=1)
    >>> vocabulary(["cat", "dog"])
    [2, 1]
    """

    def __init__(self, words: Iterable[str], default_index: int | None = None):
        self.itos = list(words)
        self.stoi = {word: index for index, word in enumerate(self.itos)}
        if len(self.stoi) != len(self.itos):
            twice = next(word for i, word in enumerate(self.itos) if self.stoi[word] != i)
            raise ValueError(f"The word {twice!r} occurs twice in the vocabulary.")
        self.default_index = default_index

    def __len__(self) -> int:
        return len(self.itos)

    def __contains__(self, word: Any) -> bool:
        return word in self.stoi

    def __getitem__(self, word: str) -> int:
        index = self.stoi.get(word, self.default_index)
        if index is None:
            raise KeyError(f"{word!r} is not in the vocabulary, and it has no default index.")
        return index

    def __call__(self, words: Iterable[str]) -> list[int]:
        return [self[word] for word in words]

    def get_stoi(self) -> dict[str, int]:
        """Word -> number."""
        return dict(self.stoi)

    def get_itos(self) -> list[str]:
        """The words in the order of their numbers."""
        return list(self.itos)

    def get_default_index(self) -> int | None:
        """The number of unknown words."""
        return self.default_index

    def lookup_tokens(self, indices: Sequence[int]) -> list[str]:
        """The words of `indices`."""
        return [self.itos[index] for index in indices]


def words_of(vocabulary: Any) -> tuple[list[Any], int | None]:
    """The words of any torchtext-like vocabulary in their order, and its default index."""
    words = _either(vocabulary, "get_itos", "itos")
    if words is None:
        numbers = _either(vocabulary, "get_stoi", "stoi")
        if numbers is None:
            raise TypeError(
                f"{type(vocabulary).__name__} is no vocabulary: it has neither get_itos() or "
                "get_stoi() nor itos or stoi."
            )
        if sorted(numbers.values()) != list(range(len(numbers))):
            raise ValueError("The numbers of the vocabulary must be 0, 1, 2, ... with no gap.")
        words = sorted(numbers, key=numbers.__getitem__)
    default = _either(vocabulary, "get_default_index", "default_index")
    return list(words), default


def _either(vocabulary, method, attribute):
    found = getattr(vocabulary, method, None)
    return found() if callable(found) else getattr(vocabulary, attribute, None)
