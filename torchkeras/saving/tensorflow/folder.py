"""SavedModel folders of Keras models: rebuilt from Keras' own description of them.

`keras_metadata.pb` (before TensorFlow 2.5 the objects in `saved_model.pb`, and in what
`export_saved_model` wrote `assets/saved_model.json`) holds the config of every layer, `variables/`
a checkpoint. The TensorFlow functions in `saved_model.pb` are not run;
of them only the constants that fill lookup tables are read.
"""

from __future__ import annotations

import math
import os
from typing import Any

from ..config import from_json
from .bundle import Bundle
from .checkpoint import read_graph
from .objects import LOOKUPS
from .protobuf import fields, message, number, text, varint

_LAYERS = ("_lookup_layer", "_index_lookup_layer")  # inside of TextVectorization
_LARGEST = 2**31
_LARGEST_JSON = 64 * 2**20
_MODELS = ("_tf_keras_model", "_tf_keras_network", "_tf_keras_sequential")


def is_saved_model(path: str) -> bool:
    """Whether a folder is a SavedModel."""
    return os.path.isfile(os.path.join(path, "saved_model.pb"))


class SavedModel:
    """A folder: `root` describes the model, `variables` has its values.

    `root` is the metadata of Keras: 'class_name', 'config', and 'training_config' where the model
    was compiled. ValueError where the folder holds no Keras model, OSError where it is damaged.
    """

    def __init__(self, folder: str):
        self.folder = folder
        try:
            self._read()
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            if str(error).startswith(str(folder)):
                raise
            raise OSError(f"{folder} is damaged or no model of Keras: {error}.") from error

    def _read(self):
        folder = self.folder
        self._saved = _Objects(os.path.join(folder, "saved_model.pb"))
        described = self._metadata()
        found = [entry for index, kind, entry in described if index == 0 and kind in _MODELS]
        found = found or self._exported()
        if not found:
            raise ValueError(
                f"{folder} holds functions of TensorFlow and no description of a Keras model. Save "
                "the model from Keras, as .h5 or .keras or a folder, with model.save()."
            )
        self.root = self._json(found[0])
        self.variables = Bundle(self.prefix(folder))
        self._fill_vocabularies(described)

    @staticmethod
    def prefix(folder: str) -> str:
        """What the names of the folder's checkpoint begin with."""
        return os.path.join(folder, "variables", "variables")

    def config(self) -> dict[str, Any]:
        """Class name and config of the model, as a model config has them."""
        return {key: self.root.get(key) for key in ("class_name", "config")}

    def input_shape(self) -> Any:
        """The shape that a subclass model was built for, None where it is not known."""
        return _shape(self.root.get("build_input_shape")) or self._saved.input_shape

    def size(self) -> int:
        """How many numbers the variables hold together: as many as their file has room for."""
        entries = [self.variables.entry(key) for key in self.variables.keys()]
        return min(sum(math.prod(entry.shape) for entry in entries), self.variables.size())

    def _exported(self):
        """The architecture that `export_saved_model` of 1.13 to 2.0 put beside the functions."""
        path = os.path.join(self.folder, "assets", "saved_model.json")
        if not os.path.isfile(path):
            return []
        with open(path, "rb") as file:
            return [file.read(_LARGEST_JSON + 1).decode("utf-8", "replace")]

    def _json(self, entry):
        return from_json(entry, f"{self.folder}: the metadata of Keras")

    def _metadata(self):
        """Number, kind and JSON text of each object of Keras."""
        path = os.path.join(self.folder, "keras_metadata.pb")
        if not os.path.isfile(path):
            return self._saved.keras_objects()
        found = []
        for field, value in _reading(path):
            if field == 1:
                node = dict(fields(message(value)))
                kind, entry = (text(node.get(i, b"")) for i in (4, 5))
                found.append((number(node.get(2, 0)), kind, entry))
        return found

    def _fill_vocabularies(self, described):
        """Put the words that a table was filled with into the configs that lack them."""
        tables: dict[int, list | None] = {}
        words: dict[str, list] = {}
        weights: dict[str, list] = {}
        for index, _, entry in described:
            if index not in tables:
                tables[index] = self._saved.table(index)
            table = tables[index]
            config = None if table is None else self._json(entry).get("config")
            if not isinstance(config, dict):
                continue
            name = str(config.get("name"))
            if words.setdefault(name, table) != table:
                raise ValueError(f"{self.folder}: two layers called {name!r} have vocabularies.")
            if config.get("output_mode") in ("tf_idf", "tf-idf"):
                weights[name] = self._frequencies(index, len(table))
        todo = [self.root.get("config")]
        while todo:
            config = todo.pop()
            if isinstance(config, dict):
                if config.get("name") in words and config.get("vocabulary") is None:
                    config["vocabulary"] = words[config["name"]]
                    config["idf_weights"] = weights.get(config["name"])
                todo.extend(config.values())
            elif isinstance(config, list):
                todo.extend(config)

    def _frequencies(self, index, count):
        """The inverse frequencies of the words of object `index`, which are a variable."""
        graph = read_graph(self.variables)
        for path in (("idf_weights",), *((layer, "idf_weights") for layer in _LAYERS)):
            found = graph.child(index, *path) if index < len(graph.nodes) else None
            variable = None if found is None else graph.nodes[found].variable
            if variable and self.variables.entry(variable[1]).shape >= (count,):
                return self.variables.array(variable[1])[-count:].tolist()
        raise ValueError(f"{self.folder} has no inverse frequencies of its words.")


def _shape(value):
    """A shape as Keras' JSON writes it."""
    if isinstance(value, dict) and "items" in value:
        return tuple(value["items"])
    if isinstance(value, list) and all(isinstance(v, (int, type(None))) for v in value):
        return tuple(value)
    return None


class _Objects:
    """The part of `saved_model.pb` that is read: objects, which function has which constants."""

    def __init__(self, path: str):
        self.path = path
        self._nodes: list[Any] = []
        self._functions: dict[str, list[int]] = {}
        self._graph = None
        self._constants: dict[str, Any] | None = None  # of the graph, by their names
        self.input_shape: tuple[int | None, ...] | None = None  # of what is served, if it is one
        for field, value in _reading(path):
            if field == 2 and not self._nodes:  # the first meta graph
                self._read(message(value))

    def _read(self, meta):
        for field, value in fields(meta):
            if field == 2:
                self._graph = message(value)
            elif field == 5:
                entry = dict(fields(message(value)))
                if text(entry.get(1, b"")) == "serving_default":
                    self.input_shape = _served(message(entry.get(2, b"")))
            elif field == 7:
                for kind, item in fields(message(value)):
                    if kind == 1:
                        self._nodes.append(message(item))
                    elif kind == 2:
                        entry = dict(fields(message(item)))
                        bound = _numbers(message(entry.get(2, b"")), 2)
                        self._functions[text(entry.get(1, b""))] = bound

    def keras_objects(self) -> list[tuple[int, str, str]]:
        """Number, kind and JSON text of the objects that say what they are in Keras."""
        found = []
        for index, node in enumerate(self._nodes):
            user = dict(fields(message(dict(fields(node)).get(4, b""))))
            kind = text(user.get(1, b""))
            if kind.startswith("_tf_keras"):
                found.append((index, kind, text(user.get(3, b""))))
        return found

    def table(self, index: int) -> list | None:
        """The keys of the lookup table of object `index`, in the order of its values."""
        for path in LOOKUPS:
            function = self._follow(index, (*path, "_initialize"))
            if function is not None:
                break
        else:
            return None
        trace = self._follow(function, ("trace_0",))
        trace = function if trace is None else trace  # before 2.7
        names = [text(v) for f, v in fields(message(self._kind(trace).get(8, b""))) if f == 1]
        names += [text(v) for f, v in fields(message(self._kind(trace).get(6, b""))) if f == 1]
        constants = [
            self._constant(bound)
            for name in names
            for bound in self._functions.get(name, ())
            if 9 in self._kind(bound)
        ]
        if len(constants) != 2 or len(constants[0]) != len(constants[1]):
            return None
        keys, values = constants
        if values and not isinstance(values[0], int):  # a table from indices to words
            keys, values = values, keys
        return [key for _, key in sorted(zip(values, keys, strict=True))]

    def _kind(self, index):
        return dict(fields(self._nodes[index])) if 0 <= index < len(self._nodes) else {}

    def _follow(self, index, path):
        for name in path:
            children = [dict(fields(message(v))) for f, v in fields(self._nodes[index]) if f == 1]
            named = {text(c.get(2, b"")): number(c.get(1, 0)) for c in children}
            index = named.get(name, -1)
            if not 0 <= index < len(self._nodes):
                return None
        return index

    def _constant(self, index):
        """The values of the graph's constant that an object stands for."""
        operation = text(dict(fields(message(self._kind(index)[9]))).get(1, b""))
        if self._constants is None:
            nodes = [message(value) for field, value in fields(self._graph or b"") if field == 1]
            self._constants = {text(dict(fields(node)).get(1, b"")): node for node in nodes}
        for kind, item in fields(self._constants.get(operation, b"")):
            attribute = dict(fields(message(item))) if kind == 5 else {}
            if attribute.get(1) == b"value":
                tensor = dict(fields(message(attribute.get(2, b"")))).get(8, b"")
                return _tensor(message(tensor))
        return []


def _served(signature):
    """The shape of the only input of a `SignatureDef`, None where it has others or no rank."""
    inputs = [dict(fields(message(value))) for field, value in fields(signature) if field == 1]
    told = dict(fields(message(inputs[0].get(2, b"")))).get(3) if len(inputs) == 1 else None
    if told is None:
        return None
    sizes = [dict(fields(message(v))).get(1, 0) for f, v in fields(message(told)) if f == 2]
    return tuple(None if number(size) < 0 else number(size) for size in sizes) or None


def _tensor(proto):
    """The strings or 64-bit integers of a `TensorProto`."""
    found = list(fields(proto))
    kind, content = dict(found).get(1), dict(found).get(4)
    if kind == 7:
        return [text(value) for field, value in found if field == 8]
    if kind != 9:
        raise ValueError(f"a table has values of the TensorFlow dtype {kind}")
    if content is not None:
        whole = bytes(message(content))
        return [
            int.from_bytes(whole[i : i + 8], "little", signed=True)
            for i in range(0, len(whole) // 8 * 8, 8)
        ]
    return _numbers(proto, 10)


def _numbers(proto, wanted):
    """The numbers of a repeated field, one by one or packed."""
    found = []
    for field, value in fields(proto):
        if field != wanted:
            continue
        if isinstance(value, int):
            found.append(number(value))
            continue
        at = 0
        while at < len(value):
            item, at = varint(value, at)
            found.append(number(item))
    return found


def _reading(path):
    """The fields of the message in a file; OSError where it is damaged."""
    if os.path.getsize(path) > _LARGEST:
        raise OSError(f"{path} is larger than {_LARGEST} bytes.")
    with open(path, "rb") as file:
        data = file.read()
    try:
        yield from fields(data)
    except (ValueError, KeyError, IndexError) as error:
        raise OSError(f"{path} is damaged or no message of TensorFlow: {error}.") from error
