"""What the imports of a program bind, and every use of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..shim import finder
from . import names

# Packages built on Keras: they import it by its own name, which only the shim answers.
_BUILT_ON_KERAS = ("keras_", "kerastuner", "tensorflow_", "tf_agents", "tflearn", "autokeras")

_FOR_KERAS = {"keras", "tfkeras", "tf_keras"}  # modules of others: wandb.keras


@dataclass(eq=False)
class Use:
    """A name that an import bound, with the attributes behind it: `tf.keras.layers.Dense`."""

    node: Any  # the whole chain
    attributes: list[str]
    called: bool


@dataclass(eq=False)
class Binding:
    """One name that an import of Keras or TensorFlow binds; '*' for all names of a module."""

    statement: Any
    local: str
    foreign: str  # what it is, in full
    aliased: bool  # whether the program chose the local name
    module: str = ""  # what `import a.b.c` loads beside the package that it binds
    uses: list[Use] = field(default_factory=list)
    shared: bool = False  # the local name is also bound by something else

    @property
    def place(self) -> str:
        """Its name of today."""
        called = bool(self.uses) and not any(use.attributes for use in self.uses)
        return names.present(self.foreign, called and self.local != "*")

    def foreign_of(self, use: Use) -> str:
        """The full foreign name of what a use means."""
        return ".".join([self.foreign, *use.attributes])

    def place_of(self, use: Use) -> str:
        """The name of today of what a use means."""
        if self.local == "*":
            return names.present(f"{self.foreign}.{dotted(use.node)}")
        if not use.attributes:
            return self.place
        return names.present(self.foreign_of(use), use.called)


@dataclass
class Bindings:
    """All of them, by the statement that makes them, and the names that the program binds."""

    by_statement: dict[Any, list[Binding]]
    taken: set[str]
    strangers: list[tuple[Any, str]]  # imports of packages that need the shim

    def __iter__(self):
        return (one for found in self.by_statement.values() for one in found)


def collect(wrapper: Any) -> Bindings:
    """The bindings of a module in a `MetadataWrapper` of libcst, with their uses."""
    import libcst as cst
    from libcst import metadata

    scopes = wrapper.resolve(metadata.ScopeProvider)
    parents = wrapper.resolve(metadata.ParentNodeProvider)
    found: dict[Any, list[Binding]] = {}
    strangers: list[tuple[Any, str]] = []
    roots: list[Any] = []

    class Reader(cst.CSTVisitor):
        def visit_Import(self, node):
            self._note(node, list(_imported(node)), [dotted(one.name) for one in node.names])

        def visit_ImportFrom(self, node):
            if not node.relative:
                self._note(node, list(_imported_from(node)), [dotted(node.module)])

        def _note(self, node, bound, modules):
            if bound:
                found[node] = bound
            known = bound or any(finder.real_name(name) for name in modules)
            for name in modules:
                inner = set(name.split(".")[1:])
                if not known and (name.startswith(_BUILT_ON_KERAS) or inner & _FOR_KERAS):
                    strangers.append((node, name.split(".")[0]))

        def visit_Name(self, node):
            if scopes.get(node) is not None:
                roots.append(node)

    wrapper.module.visit(Reader())
    stars = [one for bound in found.values() for one in bound if one.local == "*"]
    for root in roots:
        assigned = scopes[root][root.value]
        sources = [a for a in assigned if getattr(a, "node", None) in found]
        if sources:
            use = _use(root, parents, cst)
            for source in sources:
                for one in found[source.node]:
                    if one.local == root.value:
                        one.uses.append(use)
                        one.shared = one.shared or len(sources) < len(assigned)
        elif not assigned or _is_builtin(assigned):
            star = next((one for one in stars if _has(one, root.value)), None)
            if star is not None:
                star.uses.append(Use(root, [], _is_called(root, parents, cst)))
    return Bindings(found, _taken(set(scopes.values()), found), strangers)


def dotted(node: Any) -> str:
    """A chain of attributes as text; '' for anything else.

    >>> import libcst
    >>> dotted(libcst.parse_expression("a.b.c"))
    'a.b.c'
    """
    if hasattr(node, "attr"):
        head = dotted(node.value)
        return head and f"{head}.{node.attr.value}"
    return node.value if type(node).__name__ == "Name" else ""


def _imported(node):
    for alias in node.names:
        name = dotted(alias.name)
        if alias.asname is not None:
            if names.present(name):
                yield Binding(node, alias.asname.name.value, name, True)
        elif finder.real_name(name) or name in finder._PARENTS:
            root = name.partition(".")[0]
            yield Binding(node, root, root, False, name)


def _imported_from(node):
    import libcst as cst

    module = dotted(node.module)
    if isinstance(node.names, cst.ImportStar):
        if finder.real_name(module):
            yield Binding(node, "*", module, False)
        return
    for alias in node.names:
        name = f"{module}.{alias.name.value}"
        if names.present(name):
            as_name = alias.asname.name.value if alias.asname else alias.name.value
            yield Binding(node, as_name, name, alias.asname is not None)


def _use(root, parents, cst):
    node, attributes = root, []
    while isinstance(parents.get(node), cst.Attribute) and parents[node].value is node:
        node = parents[node]
        attributes.append(node.attr.value)
    return Use(node, attributes, _is_called(node, parents, cst))


def _is_called(node, parents, cst):
    above = parents.get(node)
    return isinstance(above, cst.Call) and above.func is node


def _is_builtin(assigned):
    return all(type(one).__name__ == "BuiltinAssignment" for one in assigned)


def _has(star, name):
    if name.startswith("_"):
        return False
    place = names.present(f"{star.foreign}.{name}")
    return names.refusal(place) is None if place else False


def _taken(scopes, found):
    """The names that anything but an import of Keras binds, anywhere in the program."""
    return {
        one.name
        for scope in scopes
        if scope is not None
        for one in scope.assignments
        if getattr(one, "node", None) not in found and type(one).__name__ != "BuiltinAssignment"
    }
