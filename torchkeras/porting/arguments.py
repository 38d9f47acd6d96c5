"""Calls of Keras' classes and functions with the arguments of today.

The tables are those of `legacy.arguments`, which translate the same calls when they run.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

from ..callbacks import ModelCheckpoint
from ..layers import Layer
from ..legacy import arguments as old
from ..legacy.layers import MODES, merge
from ..optimizers import Optimizer
from . import names

_RATE = {"lr": "learning_rate"}


class Unported(Exception):
    """A call that keeps its old spelling, and why; `runs` tells whether it works all the same."""

    def __init__(self, reason: str, runs: bool = True):
        super().__init__(reason)
        self.runs = runs


def modern(
    call: Any, place: str, foreign: str, changes_rate: bool, tell: Callable[[str], None]
) -> Any:
    """A call of what is named `place` today, from a program that called it `foreign`.

    `changes_rate` tells that the program sets learning rates, so that none becomes a schedule.
    `tell` is told what takes the place of arguments that are left out.
    `Unported` where an argument has no meaning today.
    """
    found, spelled = names.find(place), foreign.rpartition(".")[2]
    table = _table(found, spelled)
    args = list(call.args)
    sides = _sides(found, spelled, args, table)
    if sides:
        args = _joined_sides(args, sides)
    if spelled.startswith(("Deconv", "Atrous")):
        table = {**table, "atrous_rate": "dilation_rate"}
        args = _without_output_shape(args)
    args = translated(args, table, tell)
    if found is ModelCheckpoint:
        args = _with_frequency(args)
    if inspect.isclass(found) and issubclass(found, Optimizer):
        args = _scheduled(args, place, changes_rate)
    return call if args == list(call.args) else call.with_changes(args=closed(call, args))


def translated(args: list[Any], table: dict[str, Any], tell: Callable[[str], None]) -> list[Any]:
    """Arguments with the keywords of today, as `legacy.arguments.translated` has them.

    Old keywords that stand for one tuple, such as nb_row and nb_col, become one argument.
    """
    present, parts = [], {}
    for arg in args:
        row = table.get(arg.keyword.value) if arg.keyword is not None else None
        row = row if isinstance(row, tuple) else (row, None)
        new, convert, applies = (*row, None)[:3]
        if new is None or (applies and not applies(_value(arg.value, arg.keyword.value))):
            present.append(arg)
            continue
        value = arg.value if convert is None else _converted(arg, convert)
        if value is old.DROPPED:
            if not new.startswith("nothing"):
                tell(f"{arg.keyword.value}= is left out: write {new}")
            continue
        name = new.partition("=")[0]
        if name in parts:
            parts[name].append(value)
            continue
        parts[name] = [value]
        present.append(arg.with_changes(keyword=arg.keyword.with_changes(value=name), value=value))
    return [_gathered(arg, parts) for arg in present]


def without(args: list[Any], name: str) -> tuple[list[Any], Any]:
    """The arguments but that of a keyword, and its value; None where it is absent."""
    rest = [arg for arg in args if arg.keyword is None or arg.keyword.value != name]
    value = next((a.value for a in args if a.keyword is not None and a.keyword.value == name), None)
    return rest, value


def keyword(name: str, value: Any) -> Any:
    """The argument `name=value`; `value` is a node or text."""
    import libcst as cst

    plain = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    if isinstance(value, str):
        value = cst.parse_expression(value)
    return cst.Arg(value, cst.Name(name), equal=plain)


def merging(call: Any) -> tuple[str, str, Any]:
    """`merge(...)` as the name of a layer, the code of its arguments, and the inputs."""
    import libcst as cst

    order = list(inspect.signature(merge).parameters)
    given = {order[i]: a.value for i, a in enumerate(call.args) if a.keyword is None}
    given |= {a.keyword.value: a.value for a in call.args if a.keyword is not None}
    mode = given.get("mode", cst.SimpleString('"sum"'))
    named = [("name", given["name"])] if "name" in given else []
    if isinstance(mode, cst.Lambda):
        settings = [(None, mode)]
        settings += [("arguments", given["arguments"])] if "arguments" in given else []
        return "Lambda", _code(settings + named), given["inputs"]
    try:
        word = ast.literal_eval(code_of(mode))
        layer = MODES[word].__name__
    except (ValueError, KeyError, SyntaxError):
        raise Unported("merge(mode=) is computed: write the layer that it means") from None
    if word == "concat":
        named.insert(0, ("axis", given.get("concat_axis", cst.parse_expression("-1"))))
    elif word in ("dot", "cos"):
        axes = given.get("dot_axes", cst.parse_expression("-1"))
        if code_of(axes).count("[") + code_of(axes).count("(") > 1:
            axes = cst.parse_expression(repr([axis for (axis,) in _value(axes, "dot_axes")]))
        named.insert(0, ("axes", axes))
        if word == "cos":
            named.insert(1, ("normalize", cst.Name("True")))
    return layer, _code(named), given["inputs"]


def code_of(node: Any) -> str:
    """The text of a node."""
    import libcst as cst

    return cst.Module([]).code_for_node(node)


def _table(found, spelled):
    if not inspect.isclass(found):
        return old.FUNCTIONS.get(spelled, {})
    table: dict[str, Any] = {}
    for cls in reversed(found.__mro__):
        table |= old.RENAMED.get(cls, {})
    if issubclass(found, Layer):
        table |= old.INPUT
    return table | _RATE if issubclass(found, Optimizer) else table


def _sides(found, spelled, args, table):
    """How many positional arguments behind the first are sides of a kernel."""
    import libcst as cst

    sides = old.POSITIONAL_SIDES.get(found)
    long = spelled.startswith(("Convolution", "Deconvolution", "Atrous"))
    aged = long or any(arg.keyword is not None and arg.keyword.value in table for arg in args)
    if sides is None or not aged:
        return 0
    positional = [arg for arg in args if arg.keyword is None and not arg.star]
    numbers = [arg.value for arg in positional[1 : 1 + sides]]
    tuples = (cst.Tuple, cst.List, cst.SimpleString)
    return 0 if len(numbers) < sides or any(isinstance(n, tuples) for n in numbers) else sides


def _joined_sides(args, sides):
    import libcst as cst

    sizes = ", ".join(code_of(arg.value) for arg in args[1 : 1 + sides])
    last = args[sides]
    joined = last.with_changes(value=cst.parse_expression(f"({sizes})"))
    return [args[0], joined, *args[1 + sides :]]


def _without_output_shape(args):
    import libcst as cst

    args, _ = without(args, "output_shape")
    sizes = (cst.Tuple, cst.List)
    shapes = [a for a in args[2:] if a.keyword is None and isinstance(a.value, sizes)]
    return [arg for arg in args if arg not in shapes]


def _with_frequency(args):
    """`period`, in epochs, whose successor counts batches."""
    rest, period = without(args, "period")
    if period is not None and code_of(period) != "1":
        raise Unported("period= counts epochs: write save_freq=, which counts batches")
    return rest


def _scheduled(args, place, changes_rate):
    """`decay`, which optimizers of today lack, as the schedule that divides by the same number."""
    rest, decay = without(args, "decay")
    if decay is None or ".legacy." in place:
        return args
    if code_of(decay) in ("0", "0.", "0.0", "None"):
        return rest
    if changes_rate:
        raise Unported(
            "decay= has no present spelling where the program sets the learning rate: drop one"
        )
    others, rate = without(rest, "learning_rate")
    first = rest[0] if rest and rest[0].keyword is None and not rest[0].star else None
    rate = rate if rate is not None else first.value if first is not None else None
    if rate is None:
        rate = inspect.signature(names.find(place)).parameters["learning_rate"].default
    else:
        rate = code_of(rate)
    schedule = f"InverseTimeDecay({rate}, decay_steps=1, decay_rate={code_of(decay)})"
    others = others[1:] if first is not None and len(others) == len(rest) else others
    return [keyword("learning_rate", f"{_SCHEDULES}.{schedule}"), *others]


_SCHEDULES = "__schedules__"  # the caller knows how the program calls the module


def with_schedules(call: Any, spell: Callable[[str], str]) -> Any:
    """The call with the program's name of `keras.optimizers.schedules` where it is needed.

    `spell` gives that of a present name.
    """
    import libcst as cst

    if _SCHEDULES not in code_of(call):
        return call
    name = spell(f"{names.ROOT}.optimizers.schedules")
    return cst.parse_expression(code_of(call).replace(_SCHEDULES, name))


def _converted(arg, convert):
    import libcst as cst

    name = arg.keyword.value
    if convert is old.drop:
        return old.DROPPED
    try:
        value = convert(_value(arg.value, name))
    except ValueError as error:
        raise Unported(f"{name}=: {error}".rstrip("."), runs=False) from error
    if value is old.DROPPED:
        return value
    return cst.parse_expression(f'"{value}"' if isinstance(value, str) else repr(value))


def _value(node, name):
    try:
        return ast.literal_eval(code_of(node))
    except (ValueError, SyntaxError):
        if name == "epsilon":
            return ...  # some expression: it is not None
        raise Unported(f"the old argument {name}= is computed: write its value of today") from None


def _gathered(arg, parts):
    import libcst as cst

    values = parts.get(arg.keyword.value, ()) if arg.keyword is not None else ()
    if len(values) < 2:
        return arg
    return arg.with_changes(value=cst.parse_expression(f"({', '.join(map(code_of, values))})"))


def _code(settings):
    return ", ".join(f"{name}={code_of(v)}" if name else code_of(v) for name, v in settings)


def closed(call: Any, args: list[Any]) -> list[Any]:
    """Arguments with commas between them; the last one ends as the last one did."""
    import libcst as cst

    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    separators = [arg.comma for arg in call.args[:-1] if isinstance(arg.comma, cst.Comma)]
    between = separators[0] if separators else comma
    end = call.args[-1].comma if call.args else cst.MaybeSentinel.DEFAULT
    closed = [
        arg if isinstance(arg.comma, cst.Comma) else arg.with_changes(comma=between)
        for arg in args[:-1]
    ]
    if args:
        last = args[-1]
        space = call.args[-1].whitespace_after_arg
        closed.append(last.with_changes(comma=end, whitespace_after_arg=space))
    return closed
