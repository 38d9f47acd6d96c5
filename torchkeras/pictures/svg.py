"""A diagram as SVG, drawn without any other program."""

from __future__ import annotations

from html import escape

from .diagram import Diagram, Label
from .layout import Layout, arrange

FONT, LINE, PADDING, MARGIN = 12.0, 20.0, 8.0, 12.0  # sizes in pixels
TITLE = 22.0  # above the boxes of a model inside
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[]{} "), frozenset("mwMW@%")


def to_svg(diagram: Diagram, rankdir: str = "TB", dpi: int = 96) -> str:
    """The picture as text. `rankdir`: "TB", "BT", "LR" or "RL"; 96 `dpi` are one pixel a unit.

    >>> to_svg(Diagram("m", {"a": ["x", "Dense"]}))[:4]
    '<svg'
    """
    if rankdir not in ("TB", "BT", "LR", "RL"):
        raise ValueError(f"`rankdir` must be TB, BT, LR or RL; received {rankdir!r}.")
    drawing = _Drawing(rankdir)
    width, height = drawing.whole(diagram)
    scale = dpi / 96
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:.0f}" '
        f'height="{height * scale:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="{FONT:.0f}">'
        f"<title>{escape(diagram.name)}</title>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>'
        + "".join(drawing.parts)
        + "</svg>\n"
    )


def text_width(text: str) -> float:
    """About how wide a text is, rather more than less."""
    return FONT * sum(
        0.4 if c in _NARROW else 0.9 if c in _WIDE else 0.72 if c.isupper() else 0.58 for c in text
    )


class _Drawing:
    """Lays a diagram out and collects its parts; a model inside is laid out first, as one box."""

    def __init__(self, rankdir: str):
        self.rankdir, self.sideways = rankdir, rankdir in ("LR", "RL")
        self.parts: list[str] = []
        self.boxes: dict[str, tuple[float, float, float, float]] = {}  # key -> x, y, w, h

    def whole(self, diagram: Diagram) -> tuple[float, float]:
        layouts: dict[int, Layout] = {}
        width, height = self.measure(diagram, layouts)
        self.draw(diagram, layouts, MARGIN, MARGIN)
        return width + 2 * MARGIN, height + 2 * MARGIN

    def measure(self, diagram, layouts):
        """Width and height of a diagram; the layouts of it and of the models inside are noted."""
        sizes, home = {}, {}
        for key, box in diagram.boxes.items():
            if isinstance(box, Diagram):
                width, height = self.measure(box, layouts)
                size = width + 2 * PADDING, height + TITLE + PADDING
                home.update(dict.fromkeys(_keys_in(box), key))
            else:
                size = self.label_size(box, not self.sideways)
            home[key] = key
            sizes[key] = size[::-1] if self.sideways else size
        arrows = [(home[start], home[end]) for start, end in diagram.arrows]
        layout = layouts[id(diagram)] = arrange(sizes, arrows)
        layout.home = home
        size = layout.width, layout.height
        return size[::-1] if self.sideways else size

    def draw(self, diagram, layouts, left, top):
        layout = layouts[id(diagram)]
        for key, place in layout.places.items():
            x, y = self.at(layout, place.across, place.along, left, top)
            width, height = place.width, place.height
            if self.sideways:
                width, height = height, width
            corner = x - width / 2, y - height / 2
            box = diagram.boxes[key]
            self.boxes[key] = (*corner, width, height)
            if isinstance(box, Diagram):
                self.rectangle(*corner, width, height, 'fill="none" stroke-dasharray="5 3"')
                self.text(corner[0] + PADDING, corner[1] + 16, box.name, "start")
                self.draw(box, layouts, corner[0] + PADDING, corner[1] + TITLE)
            else:
                self.record(box, not self.sideways, *corner, width, height)
        for start, end in diagram.arrows:
            bends = layout.bends.get((layout.home[start], layout.home[end]), [])
            points = [self.at(layout, *bend, left, top) for bend in bends]
            self.arrow(self.boxes[start], self.boxes[end], points)

    def at(self, layout, across, along, left, top):
        if self.rankdir in ("BT", "RL"):
            along = layout.height - along
        return (left + along, top + across) if self.sideways else (left + across, top + along)

    # --- boxes -----------------------------------------------------------------------------

    def label_size(self, label: Label, beside: bool) -> tuple[float, float]:
        if isinstance(label, str):
            return text_width(label) + 2 * PADDING, LINE + 4
        sizes = [self.label_size(one, not beside) for one in label]
        widths, heights = zip(*sizes, strict=True)
        return (sum(widths), max(heights)) if beside else (max(widths), sum(heights))

    def record(self, label, beside, x, y, width, height):
        if isinstance(label, str):
            self.rectangle(x, y, width, height, 'fill="#f6f8fa"')
            self.text(x + width / 2, y + height / 2 + FONT * 0.35, label, "middle")
            return
        sizes = [self.label_size(one, not beside) for one in label]
        spare = width - sum(s[0] for s in sizes) if beside else height - sum(s[1] for s in sizes)
        spare /= len(sizes)
        for one, (w, h) in zip(label, sizes, strict=True):
            w, h = (w + spare, height) if beside else (width, h + spare)
            self.record(one, not beside, x, y, w, h)
            x, y = (x + w, y) if beside else (x, y + h)

    def rectangle(self, x, y, width, height, style):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'stroke="#444" {style}/>'
        )

    def text(self, x, y, text, anchor):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    # --- arrows ----------------------------------------------------------------------------

    def arrow(self, start, end, bends):
        """A smooth line out of one side of a box, through `bends`, into the next box."""
        points = [self.side(start, leaving=True), *bends, self.side(end, leaving=False)]
        path = "M{:.1f} {:.1f}".format(*points[0])
        for (x, y), (u, v) in zip(points, points[1:], strict=False):
            if self.sideways:
                half = (x + u) / 2
                path += f"C{half:.1f} {y:.1f} {half:.1f} {v:.1f} {u:.1f} {v:.1f}"
            else:
                half = (y + v) / 2
                path += f"C{x:.1f} {half:.1f} {u:.1f} {half:.1f} {u:.1f} {v:.1f}"
        self.parts.append(f'<path d="{path}" fill="none" stroke="#444" marker-end="url(#tip)"/>')

    def side(self, box, leaving):
        x, y, width, height = box
        ahead = leaving == (self.rankdir in ("TB", "LR"))
        if self.sideways:
            return (x + width if ahead else x), y + height / 2
        return x + width / 2, (y + height if ahead else y)


def _keys_in(diagram):
    for key, box in diagram.boxes.items():
        yield key
        if isinstance(box, Diagram):
            yield from _keys_in(box)
