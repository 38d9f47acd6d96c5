"""The words and numbers of a pickled Keras Tokenizer, read as data."""

from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict, defaultdict
from typing import Any

_MODULES = (  # where Keras kept its Tokenizer over the years
    "keras.preprocessing.text",
    "keras.src.preprocessing.text",
    "keras.src.legacy.preprocessing.text",
    "keras_preprocessing.text",
    "tensorflow.keras.preprocessing.text",
    "tensorflow.python.keras.preprocessing.text",
    "tensorflow.python.keras._impl.keras.preprocessing.text",
    "tf_keras.preprocessing.text",
    "tf_keras.src.preprocessing.text",
    "torchkeras.preprocessing.text",
)
_SETTINGS = {
    "num_words": (int, type(None)),
    "filters": (str,),
    "lower": (bool,),
    "split": (str,),
    "char_level": (bool,),
    "oov_token": (str, int, type(None)),
    "document_count": (int,),
    "analyzer": (type(None),),
}
_WORD, _INDEX = (str, int, float, bool, type(None)), (int,)
_TABLES = {  # name: types of the keys, of the values, what the attribute is made of
    "word_counts": (_WORD, _INDEX, OrderedDict),
    "word_docs": (_WORD, _INDEX, lambda pairs: defaultdict(int, pairs)),
    "index_docs": (_INDEX, _INDEX, lambda pairs: defaultdict(int, pairs)),
    "word_index": (_WORD, _INDEX, dict),
    "index_word": (_INDEX, _WORD, dict),
}


def read_tokenizer_state(file: Any) -> dict[str, Any]:
    """The attributes of a pickled Tokenizer, each checked and made anew; ValueError otherwise."""
    if isinstance(file, (bytes, bytearray)):
        return _read(io.BytesIO(file), "the pickle")
    if hasattr(file, "read"):
        return _read(file, str(getattr(file, "name", "the pickle")))
    with open(os.fspath(file), "rb") as opened:
        return _read(opened, os.fspath(file))


def _read(file, where):
    names = _stand_ins()
    try:
        loaded = _Unpickler(file, names).load()
    except Exception as error:  # a broken pickle raises nearly anything
        raise ValueError(f"Will not read {where}: {error}") from None
    state = vars(loaded) if type(loaded) is names["Tokenizer"] else None
    if not isinstance(state, dict):
        raise ValueError(f"{where} holds no Tokenizer.")
    return {name: _checked(name, value, where) for name, value in state.items()}


def _checked(name, value, where):
    if name in _SETTINGS and isinstance(value, _SETTINGS[name]):
        return value
    if name in _TABLES and isinstance(value, dict):
        keys, values, make = _TABLES[name]
        pairs = list(dict.items(value))
        if all(type(key) in keys and type(item) in values for key, item in pairs):
            return make(pairs)
    raise ValueError(f"Will not read {where}: its {name!r} is not what a Tokenizer holds.")


def _stand_ins():
    """Harmless classes for the names that such pickles use; new ones for each file, because a
    pickle may write attributes on them."""

    class Tokenizer:
        pass

    class Table(dict):
        def __init__(self, content=()):
            super().__init__(() if content is Number else content)

    class Number(int):
        pass

    class Base:
        pass

    def rebuild(cls, base, state):  # how protocols 0 and 1 make an instance
        if cls is not Tokenizer or base is not Base or state is not None:
            raise pickle.UnpicklingError("it rebuilds something that is no Tokenizer")
        return Tokenizer()

    return {
        "Tokenizer": Tokenizer,
        "OrderedDict": Table,
        "defaultdict": Table,
        "int": Number,
        "long": Number,
        "object": Base,
        "_reconstructor": rebuild,
    }


_HOMES = {
    "OrderedDict": ("collections",),
    "defaultdict": ("collections",),
    "int": ("builtins", "__builtin__"),
    "long": ("__builtin__",),
    "object": ("builtins", "__builtin__"),
    "_reconstructor": ("copyreg", "copy_reg"),
    "Tokenizer": _MODULES,
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, names):
        super().__init__(file, encoding="utf-8")
        self.names = names

    def find_class(self, module, name):
        if module not in _HOMES.get(name, ()):
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return self.names[name]

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("it refers to objects outside")
