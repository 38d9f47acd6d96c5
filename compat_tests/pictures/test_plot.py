"""plot_model writes a picture whatever is installed; the SVG shows all layers, none hidden."""

import itertools
import re
import time
import xml.etree.ElementTree as ET

import pytest
import torch

from compat_tests.pictures.test_dot import Ours, branches, chain, nested, wrapped
from torchkeras import applications, layers, models, utils
from torchkeras.pictures import layout, model_to_svg, plot
from torchkeras.pictures.svg import text_width

SVG = "{http://www.w3.org/2000/svg}"


def parts(svg, tag):
    return list(ET.fromstring(svg).iter(SVG + tag))


@pytest.fixture
def no_graphviz(monkeypatch):
    monkeypatch.setattr(plot, "has_graphviz", lambda: False)


def test_without_graphviz(no_graphviz, tmp_path, capsys):
    utils.plot_model(chain(Ours), tmp_path / "model.png", show_shapes=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model.svg"]
    told = capsys.readouterr().out
    assert "apt install graphviz" in told and "model.svg" in told
    utils.plot_model(chain(Ours), str(tmp_path / "other.svg"))
    assert (tmp_path / "other.svg").exists() and not capsys.readouterr().out


@pytest.mark.parametrize(
    "name, kind", [("m.png", "png"), ("m.pdf", "pdf"), ("m", "png"), ("m.svg", "svg")]
)
def test_with_graphviz(monkeypatch, tmp_path, name, kind):
    pydot = pytest.importorskip("pydot")
    written = []
    monkeypatch.setattr(plot, "has_graphviz", lambda: True)
    monkeypatch.setattr(
        pydot.Dot, "write", lambda self, path, format: written.append((path, format, self))
    )
    monkeypatch.setattr(plot, "_for_notebook", lambda path, kind: None)
    utils.plot_model(chain(Ours), tmp_path / name, rankdir="LR", dpi=50)
    ((path, format, dot),) = written
    assert (path, format) == (str(tmp_path / name), kind)
    assert (dot.get("rankdir"), dot.get("dpi")) == ("LR", 72 if kind == "svg" else 50)


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("make", [chain, branches, nested, wrapped])
def test_svg_shows_every_layer(make, rankdir):
    model = make(Ours)
    svg = model_to_svg(model, rankdir=rankdir, expand_nested=True, show_shapes=True)
    texts = [text.text for text in parts(svg, "text")]
    for layer in model.layers:
        assert any(text.startswith(layer.name) for text in texts)
        for inner in getattr(layer, "layers", ()):
            assert inner.name in texts
    width, height = (float(ET.fromstring(svg).get(side)) for side in ("width", "height"))
    filled = [r for r in parts(svg, "rect") if r.get("fill") == "#f6f8fa"]
    spans = [tuple(float(r.get(key)) for key in ("x", "y", "width", "height")) for r in filled]
    for x, y, w, h in spans:
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
    for one, other in itertools.combinations(spans, 2):
        apart = (
            one[0] + one[2] <= other[0] + 0.2
            or other[0] + other[2] <= one[0] + 0.2
            or one[1] + one[3] <= other[1] + 0.2
            or other[1] + other[3] <= one[1] + 0.2
        )
        assert apart, (one, other)
    arrows = [path for path in parts(svg, "path") if path.get("marker-end")]
    assert len(arrows) >= len(model.layers) - 1


def test_arrows_end_at_boxes():
    """From the lower side of a box to the upper side of one further down."""
    svg = model_to_svg(branches(Ours))
    sides = [
        (float(r.get("x")), float(r.get("y")), float(r.get("width")), float(r.get("height")))
        for r in parts(svg, "rect")
        if r.get("fill") == "#f6f8fa"
    ]
    for path in parts(svg, "path"):
        if path.get("marker-end"):
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d"))]
            (x0, y0), (x1, y1) = numbers[:2], numbers[-2:]
            assert y1 > y0
            assert any(abs(y + h - y0) < 0.2 and x <= x0 <= x + w for x, y, w, h in sides)
            assert any(abs(y - y1) < 0.2 and x <= x1 <= x + w for x, y, w, h in sides)


def test_text_is_escaped():
    model = models.Sequential([layers.Dense(1, input_shape=(2,), name="a<b>&c")], name="<m>")
    assert "a<b>&c" in [text.text for text in parts(model_to_svg(model), "text")]


def test_no_crossings_where_none_are_needed():
    """Two chains side by side keep to their sides."""
    arrows = [(f"{c}{i}", f"{c}{i + 1}") for c in "ab" for i in range(4)]
    keys = ["a0", "b0", "b1", "a1", "a2", "b2", "b3", "a3", "a4", "b4"]
    found = layout.arrange(dict.fromkeys(keys, (40.0, 20.0)), arrows)
    assert len({found.places[f"a{i}"].across < found.places[f"b{i}"].across for i in range(5)}) == 1
    assert [found.places[f"a{i}"].along for i in range(5)] == sorted(
        found.places[f"a{i}"].along for i in range(5)
    )


def test_long_arrows_pass_beside_boxes():
    arrows = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    found = layout.arrange(dict.fromkeys("abcd", (60.0, 20.0)), arrows)
    for x, y in found.bends["a", "d"]:
        for place in found.places.values():
            inside = abs(x - place.across) < place.width / 2
            assert not (inside and abs(y - place.along) < place.height / 2)


def test_empty():
    assert layout.arrange({}, []).places == {}
    assert text_width("") == 0


def test_bad_direction():
    with pytest.raises(ValueError, match="'up'"):
        model_to_svg(chain(Ours), rankdir="up")
    with pytest.raises(ValueError, match="'up'"):
        utils.plot_model(chain(Ours), rankdir="up")


def test_no_model():
    for draw in (utils.plot_model, model_to_svg):
        with pytest.raises(TypeError, match="model.*None"):
            draw(None)


def test_a_large_model_is_drawn_quickly():
    with torch.device("meta"):
        model = applications.NASNetMobile(weights=None, include_top=False)
    start = time.process_time()
    svg = model_to_svg(model)
    assert time.process_time() - start < 15
    assert len(parts(svg, "text")) == 2 * len(model.layers)


def test_in_a_notebook():
    """A built model shows itself; one that is not, or that is too large, only its repr."""
    assert chain(Ours)._repr_svg_().startswith("<svg")
    assert models.Sequential([layers.Dense(1)])._repr_svg_() is None
    with torch.device("meta"):
        large = applications.ResNet101(weights=None)
    assert large._repr_svg_() is None
    assert repr(chain(Ours)) == "<Sequential name=chain, built=True>"
