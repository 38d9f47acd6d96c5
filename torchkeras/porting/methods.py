"""Methods of models in their old spellings: `fit_generator`, `predict_classes`, `nb_epoch`.

The class of an object is not known from a program's text. What is rewritten here has a name, or a
keyword, that no other library has.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

from ..legacy import arguments as old
from ..legacy import methods
from .arguments import Unported, closed, code_of, keyword, translated, without

_GENERATORS = {"fit_generator": "fit", "evaluate_generator": "evaluate",
               "predict_generator": "predict"}  # fmt: skip
_KEYWORDS = {name: table for _, name, table in old.METHODS}
_MANY = ("categorical_crossentropy", "categoricalcrossentropy")  # losses of several outputs
_QUIET = ("evaluate_generator", "predict_generator", "predict_classes", "predict_proba")
_COUNTS = ("samples_per_epoch", "nb_val_samples", "val_samples")


# Attributes of old models that say nothing any more; the rest of them has names of others too.
_GONE = {
    name for name, value in methods.METHODS.items() if isinstance(value, property)
} - {"compiled", "_is_compiled", "sample_weights", "targets", "updates"}  # fmt: skip


def remark(node: Any, facts: Facts) -> str | None:
    """Why an attribute, or what it is assigned, keeps an old spelling; None where it does not."""
    name = node.attr.value
    if name in _GONE or (name in methods.METHODS and code_of(node.value) in facts.models and
                         isinstance(methods.METHODS[name], property)):  # fmt: skip
        return f"model.{name} means nothing any more: leave it out"
    if node in facts.assigned and name in ("trainable_weights", "non_trainable_weights"):
        return f"{name} is not assigned any more: write self.add_weight(...)"
    return None


def modern(call: Any, facts: Facts, tell: Callable[[str], None]) -> Any:
    """A call of a method as it is spelled today; `Unported` where today's needs to know more.

    `tell` is told what takes the place of arguments that are left out.
    """
    name = call.func.attr.value
    if name in _KEYWORDS:
        args = translated(list(call.args), _KEYWORDS[name], tell)
        return call if args == list(call.args) else call.with_changes(args=closed(call, args))
    if name in _GENERATORS:
        return _of_generator(call, name, facts, tell)
    if name == "predict_classes":
        return _classes(call, facts)
    if name == "predict_proba" and code_of(call.func.value) in facts.models:
        return _renamed(call, "predict", _quiet(call.args))
    if name == "predict_proba" and not facts.others:
        raise Unported("predict_proba of a Keras model is predict today")
    if name.startswith("_make_") and name in methods.METHODS:
        raise Unported(f"{name}() has nothing to do any more: leave it out")
    return call


class Facts:
    """What the text of a program tells about it: its models, its iterators, its losses."""

    def __init__(self, module: Any):
        import libcst as cst

        self.models: set[str] = set()  # what a Keras model is assigned to; the caller adds them
        self.assigned: set[Any] = set()  # attributes
        self.flows: dict[str, Any] = {}  # name: the call of `flow` that it holds
        texts, names = set(), set()

        class Reader(cst.CSTVisitor):
            def visit_SimpleString(_, node):
                value = node.evaluated_value
                texts.add(value if isinstance(value, str) else "")

            def visit_Name(_, node):
                names.add(node.value)

            def visit_Attribute(_, node):
                if node.attr.value in ("lr", "learning_rate"):
                    names.add("LearningRateScheduler")  # as much as that

            def visit_Assign(_, node):
                self.assigned.update(target.target for target in node.targets)
                if _is_flow(node.value):
                    self.flows[code_of(node.targets[0].target)] = node.value

        module.visit(Reader())
        words = texts | names
        self.many = any(word.lower().endswith(_MANY) for word in words)
        one = re.search(r"\bDense\(\s*(?:units\s*=\s*|output_dim\s*=\s*)?1\s*[,)]", module.code)
        self.two = one is not None and bool(words & {"binary_crossentropy", "BinaryCrossentropy"})
        self.others = bool(names & {"sklearn", "xgboost", "lightgbm"})  # with methods of that name
        self.changes_rate = bool(names & {"LearningRateScheduler", "ReduceLROnPlateau"})


def _is_flow(node):
    import libcst as cst

    called = isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)
    return called and node.func.attr.value.startswith("flow")


def _of_generator(call, name, facts, tell):
    order = list(inspect.signature(getattr(methods, name)).parameters)[1:]
    args = []
    for number, arg in enumerate(call.args):
        if arg.keyword is None and not arg.star and number:
            if number >= len(order) or order[number] == "kwargs":
                raise Unported(f"{name} has arguments without names, whose order has changed")
            arg = keyword(order[number], arg.value).with_changes(comma=arg.comma)
        args.append(arg)
    args = translated(args, {**methods.WORKERS, "nb_epoch": "epochs"}, tell)
    old_counts = any(a.keyword is not None and a.keyword.value in _COUNTS for a in args)
    if old_counts:  # Keras 1: the second argument counts samples too
        args = [_counted(arg, args, facts) for arg in args]
    args = [arg for arg in args if arg is not None]
    return _renamed(call, _GENERATORS[name], _quiet(args) if name in _QUIET else args)


def _counted(arg, args, facts):
    """A number of samples as a number of batches, from the batch size of the generator."""
    name = arg.keyword.value if arg.keyword is not None else ""
    if name not in (*_COUNTS, "steps_per_epoch"):
        return arg
    of_validation = name == "nb_val_samples"
    source = without(args, "validation_data")[1] if of_validation else args[0].value
    size = _batch_size(source, facts)
    if size is None:
        raise Unported(f"{name}= counts samples, and the size of a batch is not known here")
    samples = code_of(arg.value)
    try:
        steps = str(math.ceil(ast.literal_eval(samples) / ast.literal_eval(size)))
    except (ValueError, SyntaxError, TypeError):
        steps = f"-(-{samples} // {size})" if samples.isalnum() else f"-(-({samples}) // {size})"
    spelled = {"samples_per_epoch": "steps_per_epoch", "nb_val_samples": "validation_steps",
               "val_samples": "steps"}  # fmt: skip
    return keyword(spelled.get(name, name), steps).with_changes(comma=arg.comma)


def _batch_size(source, facts):
    if source is None:
        return None
    flow = source if _is_flow(source) else facts.flows.get(code_of(source))
    if flow is None:
        return None
    if flow is not source:
        return f"{code_of(source)}.batch_size"
    size = without(list(flow.args), "batch_size")[1]
    return "32" if size is None else code_of(size)


def _classes(call, facts):
    import libcst as cst

    if facts.many == facts.two:
        raise Unported(
            "predict_classes: write model.predict(x).argmax(-1) for several outputs, "
            "(model.predict(x) > 0.5).astype('int32') for one"
        )
    asked = code_of(_renamed(call, "predict", _quiet(call.args)))
    text = f"{asked}.argmax(-1)" if facts.many else f'({asked} > 0.5).astype("int32")'
    return cst.parse_expression(text)


def _quiet(args):
    """These methods printed nothing where `verbose` was left out."""
    named = {arg.keyword.value for arg in args if arg.keyword is not None}
    if "verbose" in named or any(arg.star for arg in args) or len(args) - len(named) > 2:
        return list(args)
    return [*args, keyword("verbose", "0")]


def _renamed(call, name, args):
    import libcst as cst

    func = call.func.with_changes(attr=cst.Name(name))
    return call.with_changes(func=func, args=closed(call, list(args)))
