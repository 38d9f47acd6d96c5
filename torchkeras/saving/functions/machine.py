"""Runs the code of a file on tensors, step by step, with the few words of `instructions`.

What it cannot say, it cannot do: there are no imports but of tables, no attributes but those of
tensors and plain values, and no more than so many steps.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from . import names, operators
from .instructions import instructions
from .marshalled import Code
from .names import Unknown

_STEPS = 200_000
_NULL, _UNSET = object(), object()
_DEFAULTS, _KEYWORD_DEFAULTS, _CLOSURE = 1, 2, 8


class Cell:
    """A variable that two functions share."""

    def __init__(self, value: Any = _UNSET):
        self.value = value


class FileFunction:
    """A function whose code stands in a file; a call runs it in the machine.

    `source` is what the file has, and is what a file gets again.
    """

    def __init__(
        self,
        code: Code,
        defaults: tuple = (),
        cells: tuple[Cell, ...] = (),
        custom_objects: dict[str, Any] | None = None,
        source: Any = None,
        keyword_defaults: dict[str, Any] | None = None,
    ):
        self.code, self.steps = code, instructions(code)
        self.defaults, self.keyword_defaults = tuple(defaults), dict(keyword_defaults or {})
        self.cells, self.custom_objects, self.source = cells, custom_objects, source
        if len(cells) != len(code.free):
            raise ValueError(f"it needs {len(code.free)} values of its surroundings: {code.free}")
        self.__name__ = "<lambda>"  # its name says nothing: a config has its code
        self.__signature__ = self._signature()

    def check(self) -> None:
        """`Unknown` where it names what it could not use."""
        for function in _codes(self.code):
            for step in instructions(function):
                if step.word == "global":
                    names.named(step.value[0], self.custom_objects)
                elif step.word == "import name":
                    names.module(step.value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _Run(self, [_STEPS]).result(args, kwargs)

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        made_with = (self.code, self.defaults, self.cells, self.custom_objects, self.source)
        return type(self), (*made_with, self.keyword_defaults)

    def _signature(self):
        code, kind = self.code, inspect.Parameter
        made = []
        first = code.positional - len(self.defaults)
        count = code.positional + code.keyword_only
        for place, name in enumerate(code.locals[:count]):
            default = kind.empty
            if first <= place < code.positional:
                default = self.defaults[place - first]
            elif place >= code.positional:
                default = self.keyword_defaults.get(name, kind.empty)
            how = kind.POSITIONAL_OR_KEYWORD if place < code.positional else kind.KEYWORD_ONLY
            name = name if name.isidentifier() else f"argument_{place}"  # `.0` of a comprehension
            made.append(kind(name, how, default=default))
        for bit, how in ((4, kind.VAR_POSITIONAL), (8, kind.VAR_KEYWORD)):
            if code.flags & bit:
                at = code.positional if bit == 4 else len(made)
                made.insert(at, kind(code.locals[count], how))
                count += 1
        return inspect.Signature(made)


def _codes(code: Code) -> Iterator[Code]:
    yield code
    for constant in code.constants:
        if isinstance(constant, Code):
            yield from _codes(constant)


class _Run:
    """One call: a stack, variables, and the steps that are left for it and all it calls."""

    def __init__(self, function, left):
        self.function, self.left, self.stack, self.named = function, left, [], ()
        code = function.code
        self.cells = {name: Cell() for name in code.cells}
        self.cells |= dict(zip(code.free, function.cells, strict=True))
        self.variables: dict[str, Any] = {}

    def result(self, args, kwargs):
        bound = self.function.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        code = self.function.code
        for name, value in zip(code.locals, self._in_order(bound, code), strict=False):
            self.set(name, value)
        at, steps = 0, self.function.steps
        while at < len(steps):
            self.left[0] -= 1
            if self.left[0] < 0:
                raise Unknown(f"it takes more than {_STEPS} steps")
            word, value = steps[at]
            if word in ("return", "return constant"):
                return value if word == "return constant" else self.stack.pop()
            found = _WORDS[word](self, value)
            at = at + 1 if found is None else found
        raise Unknown("it ends without a result")

    @staticmethod
    def _in_order(bound, code):
        """Arguments as the code's variables have them: gathered ones at the end."""
        values = list(bound.arguments.items())
        kinds = bound.signature.parameters
        gathered = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        plain = [value for name, value in values if kinds[name].kind not in gathered]
        return plain + [value for name, value in values if kinds[name].kind in gathered]

    # --- variables ------------------------------------------------------------------------

    def set(self, name, value):
        if name in self.cells:
            self.cells[name].value = value
        else:
            self.variables[name] = value

    def get(self, name):
        held = self.cells[name].value if name in self.cells else self.variables.get(name, _UNSET)
        if held is _UNSET:
            raise Unknown(f"it uses {name!r} before it has a value")
        return held

    def take(self, count):
        if count > len(self.stack):
            raise Unknown("it takes more than is there")
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    # --- words ----------------------------------------------------------------------------

    def constant(self, value):
        self.stack.append(value)

    def load(self, name):
        self.stack.append(self.get(name))

    def load_and_clear(self, name):
        self.stack.append(self.variables.pop(name, _UNSET))

    def store(self, name):
        self.set(name, self.stack.pop())

    def delete(self, name):
        self.variables.pop(name, None)

    @staticmethod
    def pairs(first, second):
        def do(self, both):
            for act, name in zip((first, second), both, strict=True):
                (self.load if act == "load" else self.store)(name)

        return do

    def globally(self, value):
        name, null = value
        found = names.named(name, self.function.custom_objects)
        self.stack += {"null first": [_NULL, found], "null last": [found, _NULL]}.get(null, [found])

    def attribute(self, name):
        self.stack.append(names.attribute(self.stack.pop(), name))

    def method(self, value):
        name, null_last = value
        found = names.attribute(self.stack.pop(), name)
        self.stack += [found, _NULL] if null_last else [_NULL, found]

    def import_name(self, path):
        wanted = self.take(2)[1]
        self.stack.append(names.module(path if wanted else path.split(".")[0]))

    def import_from(self, name):
        self.stack.append(names.attribute(self.stack[-1], name))

    def cell(self, name):
        self.stack.append(self.cells[name])

    def rotate(self, count):
        *others, top = self.take(count)
        self.stack += [top, *others]

    def copy_top(self, count):
        self.stack += self.stack[-count:]

    def copy(self, depth):
        self.stack.append(self.stack[-depth])

    def swap(self, depth):
        self.stack[-1], self.stack[-depth] = self.stack[-depth], self.stack[-1]

    def unary(self, symbol):
        self.stack.append(operators.UNARY[symbol](self.stack.pop()))

    def binary(self, symbol):
        self.stack.append(operators.binary(symbol, *self.take(2)))

    def compare(self, symbol):
        x, y = self.take(2)
        self.stack.append(operators.COMPARED[symbol](x, y))

    def item(self, _):
        self.stack.append(operators.item(*self.take(2)))

    def item_of_slice(self, _):
        value, start, stop = self.take(3)
        self.stack.append(operators.item(value, slice(start, stop)))

    def old_slice(self, bits):
        value, *limits = self.take(1 + (bits & 1) + (bits >> 1))
        start = limits.pop(0) if bits & 1 else None
        self.stack.append(operators.item(value, slice(start, limits.pop() if limits else None)))

    def store_item(self, _):
        value, owner, index = self.take(3)
        if not isinstance(owner, (list, dict)):
            raise Unknown(f"it changes an item of a {type(owner).__name__}")
        owner[index] = value

    @staticmethod
    def gathered(make):
        def do(self, count):
            self.stack.append(make(self.take(count)))

        return do

    def mapping(self, count):
        items = self.take(2 * count)
        self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))

    def map_by_keys(self, count):
        *values, keys = self.take(count + 1)
        self.stack.append(dict(zip(keys, values, strict=True)))

    def unpack(self, count):
        value = self.stack.pop()
        if not operators.is_tensor(value) and not isinstance(value, (list, tuple)):
            raise Unknown(f"it takes a {type(value).__name__} apart")
        parts = [value[i] for i in range(names.length(value))]
        if len(parts) != count:
            raise Unknown(f"it takes {len(parts)} values apart into {count}")
        self.stack += reversed(parts)

    def append(self, depth):
        value = self.stack.pop()
        self.stack[-depth].append(value)

    def add_to_map(self, depth):
        key, value = self.take(2)
        self.stack[-depth][key] = value

    def store_in_map(self, _):
        value, key = self.take(2)
        self.stack[-1][key] = value

    def extend(self, depth):
        values = self.stack.pop()
        self.stack[-depth].extend(values)

    def update(self, depth):
        values = self.stack.pop()
        self.stack[-depth].update(values)

    def as_tuple(self, _):
        self.stack.append(tuple(self.stack.pop()))

    def as_bool(self, _):
        self.stack.append(bool(self.stack.pop()))

    # --- calls ----------------------------------------------------------------------------

    def called(self, function, args, kwargs):
        if isinstance(function, FileFunction):
            made = _Run(function, self.left).result(args, kwargs)
        elif callable(function):
            made = function(*args, **kwargs)
        else:
            raise Unknown(f"it calls a {type(function).__name__}")
        if not names.is_small(made):
            raise Unknown("it makes something too large")
        self.stack.append(made)

    def _callee(self):
        """What is called, and the argument before the others, where there is one."""
        first, second = self.take(2)
        if first is _NULL or second is _NULL:
            return (second if first is _NULL else first), []
        return first, [second]

    def names_of_call(self, value):
        self.named = value

    def call(self, count):
        args, keys, self.named = self.take(count), self.named, ()
        function, first = self._callee()
        self._with_keys(function, first + args, keys)

    def call_with_names(self, count):
        keys = self.stack.pop()
        args = self.take(count)
        function, first = self._callee()
        self._with_keys(function, first + args, keys)

    def call_plain(self, count):
        args = self.take(count)
        self.called(self.stack.pop(), args, {})

    def call_plain_with_names(self, count):
        keys = self.stack.pop()
        args = self.take(count)
        self._with_keys(self.stack.pop(), args, keys)

    def _with_keys(self, function, args, keys):
        first = len(args) - len(keys)
        self.called(function, args[:first], dict(zip(keys, args[first:], strict=True)))

    def call_with_pairs(self, value):
        count, pairs, more, more_keys = value
        keys = self.stack.pop() if more_keys else {}
        rest = self.stack.pop() if more else ()
        named = self.take(2 * pairs)
        keys = dict(zip(named[::2], named[1::2], strict=True)) | keys
        args = [*self.take(count), *rest]
        self.called(self.stack.pop(), args, keys)

    def call_with_all(self, value):
        has_keys, has_null = value
        kwargs = self.stack.pop() if has_keys else {}
        args = list(self.stack.pop())
        function, first = self._callee() if has_null else (self.stack.pop(), [])
        self.called(function, first + args, dict(kwargs))

    # --- functions ------------------------------------------------------------------------

    def function_(self, value):
        argument, version, has_cells = value
        if 2 < version <= 10:
            self.stack.pop()  # its name
        code = self.stack.pop()
        if not isinstance(code, Code):
            raise Unknown("it makes a function of what is no code")
        defaults, keywords, cells = (), {}, ()
        if version < 6:
            cells = self.stack.pop() if has_cells else ()
            defaults = tuple(self.take(argument & 255))
        elif version < 13:
            cells = self.stack.pop() if argument & _CLOSURE else ()
            if argument & 4:
                self.stack.pop()  # annotations
            keywords = self.stack.pop() if argument & _KEYWORD_DEFAULTS else {}
            defaults = self.stack.pop() if argument & _DEFAULTS else ()
        self.stack.append(self._made(code, defaults, keywords, cells, version))

    def _made(self, code, defaults, keywords, cells, version):
        if version == 13 and code.free:  # the next step gives the cells
            return (code, defaults, keywords)
        given = self.function.custom_objects
        return FileFunction(code, defaults, tuple(cells), given, keyword_defaults=keywords)

    def function_part(self, which):
        value, made = self.take(2)
        held = (made.code, made.defaults, made.keyword_defaults) if callable(made) else made
        code, defaults, keywords = held
        defaults = value if which == _DEFAULTS else defaults
        keywords = value if which == _KEYWORD_DEFAULTS else keywords
        cells = value if which == _CLOSURE else ()
        if which == 4:
            self.stack.append(made)
        else:
            version = 12 if which == _CLOSURE else 13
            self.stack.append(self._made(code, defaults, keywords, cells, version))

    def refuse(self, _):
        raise Unknown("it raises an error")

    # --- jumps ----------------------------------------------------------------------------

    def jump(self, value):
        return value[0]

    def jump_if(self, value):
        wanted, target = value
        return target if bool(self.stack.pop()) == wanted else None

    def jump_if_none(self, value):
        wanted, target = value
        return target if (self.stack.pop() is None) == wanted else None

    def jump_or_pop(self, value):
        wanted, target = value
        if bool(self.stack[-1]) == wanted:
            return target
        self.stack.pop()
        return None

    def iterate(self, _):
        value = self.stack.pop()
        if not isinstance(value, (list, tuple, range, str, dict, type({}.items()))):
            raise Unknown(f"it goes through a {type(value).__name__}")
        self.stack.append(iter(value))

    def next(self, value):
        found = next(self.stack[-1], _NULL)
        if found is _NULL:
            self.stack.pop()
            return value[0]
        self.stack.append(found)
        return None


_WORDS = {
    "nothing": lambda run, value: None,
    "pop": lambda run, value: run.take(1) and None,
    "null": lambda run, value: run.stack.append(_NULL),
    "constant": _Run.constant,
    "load": _Run.load,
    "load and clear": _Run.load_and_clear,
    "store": _Run.store,
    "delete": _Run.delete,
    "load load": _Run.pairs("load", "load"),
    "store load": _Run.pairs("store", "load"),
    "store store": _Run.pairs("store", "store"),
    "global": _Run.globally,
    "attribute": _Run.attribute,
    "method": _Run.method,
    "import name": _Run.import_name,
    "import from": _Run.import_from,
    "cell": _Run.cell,
    "rotate": _Run.rotate,
    "copy top": _Run.copy_top,
    "copy": _Run.copy,
    "swap": _Run.swap,
    "unary": _Run.unary,
    "binary": _Run.binary,
    "compare": _Run.compare,
    "item": _Run.item,
    "item of slice": _Run.item_of_slice,
    "old slice": _Run.old_slice,
    "store item": _Run.store_item,
    "tuple": _Run.gathered(tuple),
    "list": _Run.gathered(list),
    "set": _Run.gathered(set),
    "slice": _Run.gathered(lambda limits: slice(*limits)),
    "map": _Run.mapping,
    "map by keys": _Run.map_by_keys,
    "unpack": _Run.unpack,
    "append": _Run.append,
    "add to map": _Run.add_to_map,
    "store in map": _Run.store_in_map,
    "extend": _Run.extend,
    "update": _Run.update,
    "as tuple": _Run.as_tuple,
    "as bool": _Run.as_bool,
    "call": _Run.call,
    "call with names": _Run.call_with_names,
    "call plain": _Run.call_plain,
    "call plain with names": _Run.call_plain_with_names,
    "call with pairs": _Run.call_with_pairs,
    "call with all": _Run.call_with_all,
    "names of call": _Run.names_of_call,
    "function": _Run.function_,
    "function part": _Run.function_part,
    "jump": _Run.jump,
    "jump if": _Run.jump_if,
    "jump if none": _Run.jump_if_none,
    "jump or pop": _Run.jump_or_pop,
    "raise": _Run.refuse,
    "iter": _Run.iterate,
    "next": _Run.next,
}
