"""The names by which a ported program calls what it uses, and the imports that bind them."""

from __future__ import annotations

from typing import Any

from . import names
from .bindings import Binding, Bindings, Use, dotted

_WIDTH = 100


class Spelling:
    """Chooses local names; what a use needs beside its own import is added to that statement."""

    def __init__(self, bindings: Bindings):
        self._bindings = bindings
        self._taken = set(bindings.taken)
        self.root = "keras" if "keras" not in self._taken else names.ROOT
        self._local = {one: self._chosen(one) for one in bindings}
        self._kept: set[Binding] = {one for one in bindings if not one.uses}
        self._sharing: dict[Use, list[Binding]] = {}  # a use may be of one of several imports
        for one in bindings:
            for use in one.uses:
                self._sharing.setdefault(use, []).append(one)
        self._needed: dict[Any, dict[str, None]] = {}  # statement: present names, in order

    def of_use(self, use: Use) -> str:
        """How the program calls what a use means."""
        for one in self._sharing[use]:
            text = self.of_place(one, one.place_of(use))
        return text

    def of_place(self, binding: Binding, place: str, new: bool = False) -> str:
        """How it calls a present name in the reach of an import; `new` if it did not have it."""
        own, local = binding.place, self._local[binding]
        if local == "*":
            own_name = place.removeprefix(own + ".")
            if place.startswith(own + ".") and "." not in own_name:
                self._kept.add(binding)
                if not _is_exported(own, own_name):
                    self._needed.setdefault(binding.statement, {})[place] = None
                return own_name
        elif place == own or place.startswith(own + "."):
            self._kept.add(binding)
            return local + place[len(own) :]
        parent, _, last = place.rpartition(".")
        if new and binding.place.rpartition(".")[0] == parent and self._is_free(last, place):
            self._needed.setdefault(binding.statement, {})[place] = None
            return last
        head = names.ROOT
        if place == names.TENSORFLOW or place.startswith(names.TENSORFLOW + "."):
            head = names.TENSORFLOW
        elif not place.startswith(names.ROOT):
            head = place.partition(".")[0]
        self._needed.setdefault(binding.statement, {})[head] = None
        return self._name_of(head) + place[len(head) :]

    def imports(self, statement: Any) -> list[str]:
        """The statements, as text, in the place of an import of the program."""
        import libcst as cst

        bound = self._bindings.by_statement[statement]
        kept = [one for one in bound if one in self._kept]
        plain: dict[str, None] = {}
        groups: dict[str, list[str]] = {}
        is_from = isinstance(statement, cst.ImportFrom)
        for one in kept:
            if one.local == "*":
                plain[f"from {one.place} import *"] = None
            elif is_from:
                self._add_from(one, plain, groups)
            else:
                plain.update(dict.fromkeys(_plain(one, self._local[one])))
        if not is_from:
            foreign = {one.module or one.foreign for one in bound}
            others = [alias for alias in statement.names if dotted(alias.name) not in foreign]
            text = [_code(alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for alias in others]
            if text:
                plain = {f"import {', '.join(text)}": None, **plain}
        for place in self._needed.get(statement, ()):
            parent, _, last = place.rpartition(".")
            if place in (names.ROOT, names.TENSORFLOW) or not parent:
                plain[_import(place, self._name_of(place))] = None
            elif last not in groups.setdefault(parent, []):
                groups[parent].append(last)
        return [*plain, *(_from(parent, found) for parent, found in groups.items())]

    def in_place(self, statement: Any) -> Any:
        """A `from` import with other names in the same layout; None where that is not enough."""
        import libcst as cst

        bound = self._bindings.by_statement[statement]
        parents = {one.place.rpartition(".")[0] for one in bound}
        simple = isinstance(statement, cst.ImportFrom) and not isinstance(
            statement.names, cst.ImportStar
        )
        if (
            not simple or self._needed.get(statement) or not self._kept.issuperset(bound)
            or len(bound) != len(statement.names) or len(parents) != 1 or parents == {""}
            or names.TENSORFLOW in {one.place for one in bound}
        ):  # fmt: skip
            return None
        aliases = []
        for one, alias in zip(bound, statement.names, strict=True):
            last, local = one.place.rpartition(".")[2], self._local[one]
            if local != last and alias.asname is None:
                alias = alias.with_changes(asname=cst.AsName(cst.Name(local)))
            aliases.append(alias.with_changes(name=cst.Name(last)))
        module = cst.parse_expression(parents.pop())
        return statement.with_changes(module=module, names=aliases)

    def _add_from(self, one, plain, groups):
        parent, _, last = one.place.rpartition(".")
        local = self._local[one]
        if not parent or one.place in (names.ROOT, names.TENSORFLOW):
            plain[_import(one.place, local)] = None
            return
        entry = last if local == last else f"{last} as {local}"
        if entry not in groups.setdefault(parent, []):
            groups[parent].append(entry)

    def _chosen(self, one):
        last = one.place.rpartition(".")[2]
        if one.local == "*" or one.aliased or one.shared or one.module or last == one.local:
            return one.local
        if one.place in (names.ROOT, names.TENSORFLOW):
            return one.local
        return last if self._is_free(last, one.place) else one.local

    def _is_free(self, name, place):
        others = (one for one in self._bindings if one.local == name and one.place != place)
        return name not in self._taken and next(others, None) is None

    def _name_of(self, head):
        if head == names.ROOT:
            return self.root
        return "tf" if head == names.TENSORFLOW else head


def _plain(one, local):
    """The statements for one name of a plain import."""
    yield _import(one.place, local)
    if one.module and one.place == names.ROOT:
        module = names.present(one.module, False)
        if module != names.ROOT and not _comes_along(module):
            yield f"import {module}"


def _import(place, local):
    return f"import {place}" if place == local else f"import {place} as {local}"


def _from(parent, found):
    line = f"from {parent} import {', '.join(found)}"
    if len(line) <= _WIDTH:
        return line
    return f"from {parent} import (\n" + "".join(f"    {name},\n" for name in found) + ")"


def _is_exported(module, name):
    found = names.find(module)
    return name in getattr(found, "__all__", dir(found))


def _comes_along(module):
    """Whether `import torchkeras` is enough to reach a module of it."""
    root, *parts = module.split(".")
    found = names.find(root)
    for part in parts:
        if part not in vars(found):
            return False
        found = getattr(found, part)
    return parts[0] not in ("wrappers", "legacy", "shim")


def _code(node):
    import libcst as cst

    return cst.Module([]).code_for_node(node)
