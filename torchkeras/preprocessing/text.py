"""Texts as sequences of word numbers: `Tokenizer` and the hashing functions."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from .counting import Counts, Numbers, Splitter
from .pickles import read_tokenizer_state
from .text_files import text_dataset_from_directory
from .vocabulary import Vocabulary, words_of

__all__ = [
    "Tokenizer",
    "Vocabulary",
    "hashing_trick",
    "one_hot",
    "text_dataset_from_directory",
    "text_to_word_sequence",
    "tokenizer_from_json",
    "tokenizer_from_pickle",
]

_PUNCTUATION = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(
    input_text: str, filters: Iterable[str] = _PUNCTUATION, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text: lower case, `filters` characters taken for `split`, cut at `split`.

    >>> text_to_word_sequence("Hello, World!")
    ['hello', 'world']
    """
    return _word_splitter(filters, lower, split)(input_text)


def one_hot(
    input_text: str,
    n: int,
    filters: Iterable[str] = _PUNCTUATION,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """Each word of a text as a number from 1 to `n - 1`, by Python's `hash`.

    Python's hash of strings differs from run to run; see `hashing_trick(hash_function="md5")`.

    >>> len(one_hot("the cat and the hat", 50))
    5
    """
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


def hashing_trick(
    text: str,
    n: int,
    hash_function: str | Callable[[str], int] | None = None,
    filters: Iterable[str] = _PUNCTUATION,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """Each word of a text as a number from 1 to `n - 1`; words may share one.

    `hash_function` is None for Python's `hash`, 'md5' for a hash that is the same in every run,
    or a function from a word to an integer.

    >>> hashing_trick("the cat", 50, hash_function="md5")
    [43, 32]
    """
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    if not callable(hash_function):
        raise ValueError(
            f"`hash_function` must be None, 'md5' or a function; received {hash_function!r}."
        )
    words = (analyzer or _word_splitter(filters, lower, split))(text)
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word):
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbers for the words of texts, the most frequent word being 1; 0 stands for no word.

    `num_words` keeps the `num_words - 1` most frequent words. `oov_token` takes number 1 and
    stands for all other words, which are left out without it. `char_level` makes every character
    a token. A text may be a list: its items are the tokens. `analyzer` is a function from a text
    to its words, in place of `text_to_word_sequence`.

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["the cat sat", "the dog"])
    >>> tokenizer.texts_to_sequences(["the dog sat down"])
    [[1, 4, 3]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: Iterable[str] = _PUNCTUATION,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], Iterable[str]] | None = None,
        **kwargs: Any,
    ):
        if "nb_words" in kwargs:
            warnings.warn(
                "`nb_words` of Tokenizer is now called `num_words`; please use that name.",
                stacklevel=2,
            )
            num_words = kwargs.pop("nb_words")
        self.document_count = kwargs.pop("document_count", 0)
        if kwargs:
            raise TypeError(f"Tokenizer has no argument {', '.join(map(repr, kwargs))}.")
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.word_counts: dict[Any, int] = OrderedDict()
        self.word_docs: dict[Any, int] = defaultdict(int)
        self.index_docs: dict[int, int] = defaultdict(int)
        self.word_index: dict[Any, int] = {}
        self.index_word: dict[int, Any] = {}

    def fit_on_texts(self, texts: Iterable[str | list[str]]) -> None:
        """Count the words of `texts` and number all words counted so far by their frequency.

        Nothing is counted when a text is neither a string nor a list of tokens (TypeError).
        """
        counts, documents = Counts(self.word_counts, self.word_docs), 0
        for words, number in self._splitter()(texts):
            counts.add(words)
            documents += number
        self.document_count += documents
        for word, number in counts.words.items():  # update() makes a list of pairs first
            self.word_counts[word] = number
        self.word_docs.update(counts.documents)
        vocabulary = [] if self.oov_token is None else [self.oov_token]
        frequent = self.word_counts
        vocabulary += sorted(frequent, key=frequent.__getitem__, reverse=True)
        self.word_index = dict(zip(vocabulary, range(1, len(vocabulary) + 1), strict=True))
        self.index_word = {index: word for word, index in self.word_index.items()}
        documents_of = self.word_docs.items()
        self.index_docs.update((self.word_index[word], count) for word, count in documents_of)

    def fit_on_sequences(self, sequences: Sequence[Sequence[int]]) -> None:
        """Count in how many sequences each number occurs, for `sequences_to_matrix`."""
        docs = Counter(self.index_docs)
        for sequence in sequences:
            docs.update(set(sequence))
        self.document_count += len(sequences)
        self.index_docs.update(docs)

    def texts_to_sequences(self, texts: Iterable[str | list[str]]) -> list[list[int]]:
        """The numbers of each text's known words."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[str | list[str]]) -> Iterator[list[int]]:
        """`texts_to_sequences`, one text at a time."""
        known = self._kept(self.word_index, lambda item: item[1])
        other = () if self.oov_token is None else (self.word_index.get(self.oov_token),)
        numbers = Numbers(known, *other)
        for words, _ in self._splitter(numbers.packable)(texts):
            yield from numbers(words)

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of each sequence's numbers, joined by blanks."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """`sequences_to_texts`, one sequence at a time."""
        known = self._kept(self.index_word, lambda item: item[0])
        other = self.index_word.get(self.word_index.get(self.oov_token))
        for sequence in sequences:
            words = (known.get(index, other) for index in sequence)
            yield " ".join(word for word in words if word is not None)

    def texts_to_matrix(self, texts: Iterable[str | list[str]], mode: str = "binary") -> np.ndarray:
        """One row a text, one column a word number; `mode` as in `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: str = "binary"
    ) -> np.ndarray:
        """One row a sequence, one column a word number, float64.

        `mode` is 'binary' (1 where the number occurs), 'count', 'freq' (count / length) or
        'tfidf' ((1 + log count) * log(1 + documents / (1 + documents with the word))).

        >>> Tokenizer(num_words=4).sequences_to_matrix([[1, 3, 3]], mode="count").tolist()
        [[0.0, 1.0, 0.0, 2.0]]
        """
        width = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not width:
            raise ValueError(
                "The matrix needs a width: give Tokenizer a `num_words`, or fit it on texts first."
            )
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Mode 'tfidf' needs document counts: fit the Tokenizer first.")
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError(
                f"`mode` must be 'binary', 'count', 'freq' or 'tfidf'; received {mode!r}."
            )
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        columns = np.fromiter(chain.from_iterable(sequences), np.int64, int(lengths.sum()))
        rows = np.repeat(np.arange(len(lengths)), lengths)
        kept = columns < width
        matrix = np.zeros((len(sequences), width))
        np.add.at(matrix, (rows[kept], columns[kept]), 1)
        if mode == "binary":
            return np.minimum(matrix, 1)
        if mode == "freq":
            return matrix / np.maximum(lengths, 1)[:, None]
        if mode == "tfidf":
            docs = np.array([self.index_docs.get(column, 0) for column in range(width)])
            found = matrix > 0
            matrix[found] = 1 + np.log(matrix[found])
            matrix *= np.log(1 + self.document_count / (1 + docs))
        return matrix

    def get_config(self) -> dict[str, Any]:
        """Arguments, counts and numbers; dictionaries as JSON texts, as Keras has them."""
        config = {
            name: getattr(self, name)
            for name in (
                "num_words", "filters", "lower", "split", "char_level", "oov_token",
                "document_count",
            )
        }  # fmt: skip
        for name in ("word_counts", "word_docs", "index_docs", "index_word", "word_index"):
            config[name] = json.dumps(getattr(self, name))
        return config

    def to_json(self, **kwargs: Any) -> str:
        """The tokenizer as JSON for `tokenizer_from_json`; `kwargs` go to `json.dumps`."""
        config = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(config, **kwargs)

    @classmethod
    def from_vocabulary(cls, vocabulary: Any, **arguments: Any) -> Tokenizer:
        """A tokenizer with the numbers of a vocabulary that has `get_itos()`, `itos` or `stoi`.

        The numbers stay as they are, so embeddings trained on the vocabulary fit. The word at the
        vocabulary's default index, if it has one, becomes the `oov_token` unless one is given.

        >>> vocabulary = Vocabulary(["<pad>", "<unk>", "cat"], default_index=1)
        >>> Tokenizer.from_vocabulary(vocabulary).texts_to_sequences(["cat dog"])
        [[2, 1]]
        """
        words, default = words_of(vocabulary)
        if default is not None:
            arguments.setdefault("oov_token", words[default])
        tokenizer = cls(**arguments)
        if tokenizer.oov_token is not None and tokenizer.oov_token not in words:
            raise ValueError(
                f"The `oov_token` {tokenizer.oov_token!r} is not in the vocabulary; append it "
                "there or leave it out."
            )
        tokenizer.index_word = dict(enumerate(words))
        tokenizer.word_index = {word: index for index, word in enumerate(words)}
        return tokenizer

    def to_vocabulary(self, padding: str = "<pad>") -> Vocabulary:
        """The kept words as a vocabulary with the same numbers, `padding` being number 0.

        >>> tokenizer = Tokenizer(oov_token="<unk>")
        >>> tokenizer.fit_on_texts(["the cat"])
        >>> tokenizer.to_vocabulary().get_itos()
        ['<pad>', '<unk>', 'the', 'cat']
        """
        words = {0: padding, **self._kept(self.index_word, lambda item: item[0])}
        if set(words) != set(range(len(words))):
            missing = next(index for index in range(len(words)) if index not in words)
            raise ValueError(f"The tokenizer has no word number {missing}: numbers must not skip.")
        default = None if self.oov_token is None else self.word_index.get(self.oov_token)
        return Vocabulary([words[index] for index in range(len(words))], default)

    def _splitter(self, packable=True):
        """What splits texts as the arguments say, hundreds at a time where they are plain."""
        table = str.maketrans({character: self.split for character in self.filters})
        plain = packable and self.analyzer is None and not self.char_level and self.split == " "
        return Splitter(table, self.lower, plain, self._tokens)

    def _tokens(self, number, text):
        """What can be iterated for the tokens of a text."""
        listed = isinstance(text, list)
        if not listed and not self.char_level:
            if not isinstance(text, str) and self.analyzer is None:
                raise _not_a_text(number, text)
            split = self.analyzer or _word_splitter(self.filters, self.lower, self.split)
            return split(text)
        if not self.lower:
            return text
        try:
            return [token.lower() for token in text] if listed else text.lower()
        except AttributeError:
            raise _not_a_text(number, text) from None

    def _kept(self, table, index_of):
        """The entries of `table` whose index lies below `num_words`."""
        if not self.num_words:
            return table
        return {item[0]: item[1] for item in table.items() if index_of(item) < self.num_words}


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `Tokenizer.to_json` wrote, here or in Keras.

    >>> tokenizer_from_json(Tokenizer(num_words=10).to_json()).num_words
    10
    """
    config = dict(json.loads(json_string)["config"])
    tables = {
        name: json.loads(config.pop(name))
        for name in ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    }
    tokenizer = Tokenizer(**config)
    for name, table in tables.items():
        if name.startswith("index_"):
            table = {int(index): value for index, value in table.items()}
        setattr(tokenizer, name, table)
    return tokenizer


def tokenizer_from_pickle(file: Any) -> Tokenizer:
    """The tokenizer in a pickle made by any Keras: a path, bytes or a file opened for reading.

    Only a Tokenizer's words and numbers are read; a pickle that names anything else is refused
    with ValueError and nothing of it is run.

    >>> import pickle
    >>> tokenizer_from_pickle(pickle.dumps(Tokenizer(num_words=10))).num_words
    10
    """
    tokenizer = Tokenizer()
    for name, value in read_tokenizer_state(file).items():
        setattr(tokenizer, name, value)
    return tokenizer


def _word_splitter(filters, lower, split):
    """A function from a text to its words, with what is the same for all texts done once."""
    table = str.maketrans({character: split for character in filters})

    def words(text):
        if lower:
            text = text.lower()
        return list(filter(None, text.translate(table).split(split)))

    return words


def _not_a_text(number, text):
    return TypeError(
        f"Text {number} is {text!r} of type {type(text).__name__}; expected a string or a list "
        "of strings. Fill gaps in a column with '' first."
    )
