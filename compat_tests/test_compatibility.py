"""docs/compatibility.md says what is true of the library as it is."""

import types

import pytest

import torchkeras
from compat_tests import make_compatibility, oracle


def test_page():
    theirs = oracle.tf_keras()
    if theirs is None:
        pytest.skip("tf_keras is not installed")
    written = make_compatibility.PAGE.read_text(encoding="utf-8")
    if f"tf_keras {theirs.__version__}," not in written:
        pytest.skip(f"the page speaks of another version than {theirs.__version__}")
    found = make_compatibility.page(theirs, torchkeras)
    assert found == written, "run python compat_tests/make_compatibility.py"


def module(name, **members):
    made = types.ModuleType(name)
    made.__dict__.update(members)
    return made


class Theirs:
    def __init__(self, units, bias=True, **kwargs): ...


class Base:
    def __init__(self, name=None): ...


class Ours(Base):
    def __init__(self, units, **kwargs): ...


def test_what_is_found():
    """One name is there without an argument, one is missing, one namespace is missing."""
    theirs = module(
        "theirs",
        layers=module("theirs.layers", Dense=Theirs, Lost=Theirs, _hidden=1),
        gone=module("theirs.gone", a=1, below=module("theirs.gone.below", b=2)),
        foreign=module("elsewhere", c=3),
    )
    ours = module("ours", layers=module("ours.layers", Dense=Ours))
    spaces = list(make_compatibility.namespaces(theirs, ours))
    assert [name for name, _, _ in spaces] == [
        "keras",
        "keras.gone",
        "keras.gone.below",
        "keras.layers",
    ]
    assert "| `keras.layers` | 1 | 2 |" in make_compatibility._count_rows(spaces)
    assert dict(make_compatibility._missing_names(spaces)) == {
        "`keras.gone`": "everything, 2 names",
        "`keras.layers`": "`Lost`",
    }
    assert dict(make_compatibility._missing_arguments(spaces)) == {"`keras.layers.Dense`": "`bias`"}
