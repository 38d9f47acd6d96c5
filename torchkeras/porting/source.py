"""A Python program for Keras, rewritten for torchkeras: comments and layout stay."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from ..shim import tensors
from . import arguments, methods, names
from .arguments import Unported, code_of
from .bindings import Bindings, collect, dotted
from .spelling import Spelling

_MODELS = {f"{names.ROOT}.{path}" for path in (
    "Sequential", "Model", "models.Sequential", "models.Model", "models.load_model",
    "models.model_from_json", "models.clone_model", "saving.load_model",
)}  # fmt: skip
_TOLD = {
    f"{names.ROOT}.__version__": "the version is that of torchkeras, not of Keras",
    f"{names.ROOT}.backend.backend": "backend() answers 'torch' here",
    f"{names.ROOT}.layers.Recurrent": "a cell in keras.layers.RNN has its step today",
    f"{names.ROOT}.backend.set_learning_phase": "model.train() and model.eval() say it today",
    **{
        f"{names.ROOT}.wrappers.scikit_learn.{name}": "scikeras has it today"
        for name in ("KerasClassifier", "KerasRegressor")
    },
}
_FORMATS = {"tf": "channels_last", "th": "channels_first"}
_INSTALL = (
    "import torchkeras.shim.tensors",
    "torchkeras.shim.tensors.install()  # .numpy(), .get_shape() and += as TensorFlow has them",
)


@dataclass(order=True)
class Remark:
    """What a program keeps of its past: where, why, and whether it can run all the same."""

    line: int
    reason: str
    runs: bool = True


@dataclass
class Ported:
    """The new text of a program, and what is left to do by hand."""

    text: str
    remarks: list[Remark] = field(default_factory=list)


def ported(text: str) -> Ported:
    """The program for torchkeras; `libcst.ParserSyntaxError` where it is no Python.

    >>> print(ported("from keras.layers import Convolution2D\\nc = Convolution2D(8, 3, 3)").text)
    from torchkeras.layers import Conv2D
    c = Conv2D(8, (3, 3))
    """
    import libcst as cst
    from libcst import metadata

    wrapper = metadata.MetadataWrapper(cst.parse_module(text))
    bindings = collect(wrapper)
    port = _Port(wrapper, bindings, wrapper.resolve(metadata.PositionProvider))
    module = wrapper.module
    if bindings.by_statement:
        module = _with_imports(port.body(), bindings, port.spelling)
        if port.needs_tensors():
            module = _installing(module)
    return Ported(module.code, sorted(port.remarks))


class _Port:
    """One program on its way."""

    def __init__(self, wrapper: Any, bindings: Bindings, positions: Any):
        self._module, self._bindings, self._positions = wrapper.module, bindings, positions
        self.spelling = Spelling(bindings)
        self.remarks: list[Remark] = []
        self._uses = {use.node: (one, use) for one in bindings for use in one.uses}
        for statement, package in bindings.strangers:
            self._say(statement, f"{package} imports Keras itself: run the program with "
                      "'python -m torchkeras', or leave that package", False)  # fmt: skip
        self._settled: set[Any] = set()  # calls that are rewritten with what is around them
        self._orderings: dict[Any, Any] = {}  # comparisons of image_dim_ordering(), rewritten
        self._check()

    def body(self) -> Any:
        """The module with its names and calls rewritten, and its imports as they were."""
        import libcst as cst

        port, facts = self, methods.Facts(self._module)
        facts.models |= self._models()
        self._facts = facts

        class Writer(cst.CSTTransformer):
            def visit_Import(self, node):
                return False  # so that they can be told apart afterwards

            visit_ImportFrom = visit_Import

            def leave_Name(self, original_node, updated_node):
                return port._name(original_node, updated_node)

            leave_Attribute = leave_Name

            def visit_Attribute(self, node):
                reason = methods.remark(node, facts)
                if reason is not None:
                    port._say(node, reason)

            def visit_Comparison(self, node):
                port._note_ordering(node)

            def leave_Comparison(self, original_node, updated_node):
                return port._orderings.get(original_node, updated_node)

            def leave_Call(self, original_node, updated_node):
                return port._call(original_node, updated_node)

        return self._module.visit(Writer())

    def needs_tensors(self) -> bool:
        """Whether tensors are asked for what only TensorFlow's have, and no import gives it."""
        import libcst as cst

        lines = [x for x in self._module.body if isinstance(x, cst.SimpleStatementLine)]
        at_once = {small for line in lines for small in line.body}
        own = [one for one in self._bindings if one.statement in at_once]
        places = {one.place for one in own}
        places |= {one.place_of(use) for one in own for use in one.uses}
        if any(f"{place}.".startswith(f"{names.TENSORFLOW}.") for place in places):
            return False
        return _expects_tensors(self._module, set(self._uses), self._facts.models)

    def _check(self):
        """Remarks on names that torchkeras lacks, or has with another meaning."""
        for one in self._bindings:
            spots = [(one.place_of(use), use.node) for use in one.uses]
            if not spots and one.local != "*":
                spots = [(one.place, one.statement)]
            for place, node in spots:
                reason = names.refusal(place)
                if reason is not None:
                    self._say(node, reason, False)
                elif place in _TOLD:
                    self._say(node, _TOLD[place])

    def _name(self, original, updated):
        import libcst as cst

        if original not in self._uses:
            return updated
        one, use = self._uses[original]
        if self._is_merge(one, use) or one.place_of(use).endswith(".image_dim_ordering"):
            return updated  # its call is rewritten as a whole
        text = self.spelling.of_use(use)
        if text == code_of(original.with_changes(lpar=[], rpar=[])):
            return updated
        return cst.parse_expression(text).with_changes(lpar=updated.lpar, rpar=updated.rpar)

    def _call(self, original, updated):
        import libcst as cst

        if original in self._settled:
            return updated
        try:
            if original.func in self._uses:
                return self._keras_call(original, updated)
            self._check_import(original)
            if isinstance(original.func, cst.Attribute):
                return methods.modern(updated, self._facts, functools.partial(self._say, original))
        except Unported as reason:
            self._say(original, str(reason), reason.runs)
        return updated

    def _note_ordering(self, node):
        """`K.image_dim_ordering() == 'th'` as `K.image_data_format() == "channels_first"`."""
        import libcst as cst

        place = f"{names.ROOT}.backend.image_dim_ordering"
        one, use = self._uses.get(getattr(node.left, "func", None), (None, None))
        if one is None or one.place_of(use) != place or len(node.comparisons) != 1:
            return
        target = node.comparisons[0]
        word = _FORMATS.get(code_of(target.comparator).strip("'\""))
        if word is not None:
            name = self.spelling.of_place(one, f"{names.ROOT}.backend.image_data_format", new=True)
            target = target.with_changes(comparator=cst.SimpleString(f'"{word}"'))
            left = cst.parse_expression(f"{name}()")
            self._orderings[node] = node.with_changes(left=left, comparisons=[target])
            self._settled.add(node.left)

    def _keras_call(self, original, updated):
        import libcst as cst

        one, use = self._uses[original.func]
        place = one.place_of(use)
        foreign = code_of(use.node) if one.local == "*" else one.foreign_of(use)
        if self._is_merge(one, use):
            try:
                layer, settings, inputs = arguments.merging(updated)
            except Unported:
                self.spelling.of_use(use)  # it stays
                raise
            name = self.spelling.of_place(one, f"{names.ROOT}.layers.{layer}", new=True)
            return cst.parse_expression(f"{name}({settings})({code_of(inputs)})")
        if place == f"{names.ROOT}.backend.set_image_dim_ordering":
            return self._data_format(one, updated)
        if not names.exists(place):
            return updated
        if place.endswith(".image_dim_ordering"):
            name = cst.parse_expression(self.spelling.of_use(use))
            updated = updated.with_changes(func=name)  # it stays
        if str(getattr(names.find(place), "__module__", "")).startswith(f"{names.ROOT}.legacy."):
            self._say(original, f"{names.shown(place)} keeps its old spelling")
        tell = functools.partial(self._say, original)
        call = arguments.modern(updated, place, foreign, self._facts.changes_rate, tell)
        spell = functools.partial(self.spelling.of_place, one, new=True)
        return arguments.with_schedules(call, spell)

    def _data_format(self, one, call):
        """`K.set_image_dim_ordering('th')` as `K.set_image_data_format('channels_first')`."""
        import libcst as cst

        word = _FORMATS.get(code_of(call.args[0].value).strip("'\""))
        if word is None:
            raise Unported("set_image_dim_ordering() of a computed value keeps its old spelling")
        name = self.spelling.of_place(one, f"{names.ROOT}.backend.set_image_data_format", new=True)
        return cst.parse_expression(f'{name}("{word}")')

    def _is_merge(self, one, use):
        return use.called and one.place_of(use) == f"{names.ROOT}.layers.merge"

    def _check_import(self, call):
        called = dotted(call.func).rpartition(".")[2]
        if called in ("import_module", "__import__") and call.args:
            name = code_of(call.args[0].value).strip("'\"")
            if name.partition(".")[0] in ("keras", "tensorflow", "tf_keras"):
                raise Unported(f"imports {name!r} by its name; only the shim answers to it", False)

    def _models(self):
        """The names and attributes that a Keras model is assigned to."""
        import libcst as cst

        port, found = self, set()

        class Reader(cst.CSTVisitor):
            def visit_Assign(self, node):
                made = isinstance(node.value, cst.Call) and port._uses.get(node.value.func)
                if made and made[0].place_of(made[1]) in _MODELS:
                    found.update(code_of(target.target) for target in node.targets)

        self._module.visit(Reader())
        return found

    def _say(self, node, reason, runs=True):
        remark = Remark(self._positions[node].start.line, reason, runs)
        if remark not in self.remarks:
            self.remarks.append(remark)


def _expects_tensors(module, uses, models):
    """Whether a program without TensorFlow's functions uses what its tensors alone can do."""
    import libcst as cst

    found = False

    class Reader(cst.CSTVisitor):
        keras_classes = 0

        def visit_ClassDef(self, node):
            self.keras_classes += any(base.value in uses for base in node.bases)

        def leave_ClassDef(self, original_node):
            self.keras_classes -= any(base.value in uses for base in original_node.bases)

        def visit_Attribute(self, node):
            nonlocal found
            found = found or node.attr.value in tensors.WORDS

        def visit_AugAssign(self, node):
            nonlocal found
            found = found or self.keras_classes > 0

        def visit_Call(self, node):
            nonlocal found
            if dotted(node.func).startswith(("np.", "numpy.", "float", "int", "list")):
                found = found or any(_calls_one_of(models, arg.value) for arg in node.args)

    module.visit(Reader())
    return found


def _calls_one_of(models, node):
    import libcst as cst

    return isinstance(node, cst.Call) and code_of(node.func) in models


def _with_imports(module, bindings, spelling):
    """The module with the imports that its new names need."""
    import libcst as cst

    class Writer(cst.CSTTransformer):
        depth = 0
        told: set[str] = set()

        def visit_IndentedBlock(self, node):
            self.depth += 1

        def leave_IndentedBlock(self, original_node, updated_node):
            self.depth -= 1
            return updated_node

        def visit_Import(self, node):
            return False

        visit_ImportFrom = visit_Import

        def leave_SimpleStatementLine(self, original_node, updated_node):
            line, body = updated_node, original_node.body
            if not any(small in bindings.by_statement for small in body):
                return line
            if len(body) == 1 and (new := spelling.in_place(body[0])) is not None:
                return line.with_changes(body=[new.with_changes(semicolon=body[0].semicolon)])
            texts = []
            for small in body:
                known = small in bindings.by_statement
                texts.append(spelling.imports(small) if known else [code_of(small).rstrip("; ")])
            if len(body) == 1 and not _differs(body[0], texts[0]):
                return line
            new = [text for found in texts for text in found]
            if self.depth == 0:
                fresh = [text for text in new if text not in self.told]
                self.told.update(new)
                new = fresh if fresh or _has_comment(line) else []
            if not new:
                return cst.RemoveFromParent() if self.depth == 0 else line
            return _lines(line, new, one_line=len(body) > 1 and self.depth > 0)

    return module.visit(Writer())


def _differs(small, texts):
    return [code_of(small).strip()] != texts and not (
        len(texts) == 1 and code_of(small).split() == texts[0].split()
    )


def _has_comment(line):
    return line.trailing_whitespace.comment is not None or any(
        empty.comment is not None for empty in line.leading_lines
    )


def _lines(line, texts, one_line=False):
    """Statements in the place of a line: its comments before the first and behind the last."""
    import libcst as cst

    if one_line:
        texts = ["; ".join(texts)]
    made = [cst.parse_statement(text) for text in texts]
    made[0] = made[0].with_changes(leading_lines=line.leading_lines)
    made[-1] = made[-1].with_changes(trailing_whitespace=line.trailing_whitespace)
    return cst.FlattenSentinel(made)


def _installing(module):
    """The module with the methods of TensorFlow's tensors, installed behind its first imports."""
    import libcst as cst

    def imports(line):
        kinds = (cst.Import, cst.ImportFrom)
        body = line.body if isinstance(line, cst.SimpleStatementLine) else ()
        return any(isinstance(small, kinds) for small in body)

    def ours(line):
        return names.ROOT in code_of(line)

    body = list(module.body)
    first = next((n for n, line in enumerate(body) if imports(line) and ours(line)), None)
    if first is None:  # in a function or under a condition: before everything
        first = next((n for n, line in enumerate(body) if ours(line)), 1) - 1
    while first + 1 < len(body) and imports(body[first + 1]):
        first += 1
    lines = [cst.parse_statement(text) for text in _INSTALL]
    lines[1] = lines[1].with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    body[first + 1 : first + 1] = lines
    return module.with_changes(body=body)
