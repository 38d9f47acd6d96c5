"""Where boxes and arrows go: rows by distance from the inputs, few crossings, short arrows.

The method of layers: ranks by longest path; an arrow over several ranks gets a bend in each;
barycentres order each rank; positions are the least-squares fit to straight arrows that keeps the
order and the distances.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

GAP, RANK_GAP = 24.0, 36.0  # between boxes of a rank, between ranks
BEND = 10.0  # room that an arrow takes where it passes a rank
SWEEPS = 8  # over all ranks, for the order and for the positions


@dataclass
class Place:
    """Centre across and along the ranks, and extent in both directions."""

    across: float
    along: float
    width: float
    height: float


@dataclass
class Layout:
    """`places` of the boxes; for each arrow the points of its bends, start and end left out."""

    width: float
    height: float
    places: dict[str, Place] = field(default_factory=dict)
    bends: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)


def arrange(sizes: dict[str, tuple[float, float]], arrows: Iterable[tuple[str, str]]) -> Layout:
    """Places for boxes of `sizes` (across, along), joined by `arrows` without cycles."""
    arrows = [(a, b) for a, b in dict.fromkeys(arrows) if a != b]
    rank_of = _ranks(list(sizes), arrows)
    ranks: list[list] = [[] for _ in range(max(rank_of.values(), default=-1) + 1)]
    for key in sizes:
        ranks[rank_of[key]].append(key)
    chains = {}
    for start, end in arrows:
        bends = [(start, end, rank) for rank in range(rank_of[start] + 1, rank_of[end])]
        for bend in bends:
            ranks[bend[2]].append(bend)
        chains[start, end] = [start, *bends, end]
    links = [pair for chain in chains.values() for pair in zip(chain, chain[1:], strict=False)]
    above, below = _neighbours(links, 1), _neighbours(links, 0)
    ranks = _ordered(ranks, above, below)
    widths = {**{b: BEND for rank in ranks for b in rank}, **{k: s[0] for k, s in sizes.items()}}
    across = _positions(ranks, widths, above, below)
    return _measured(ranks, across, sizes, chains)


def _neighbours(links, side):
    found: dict = {}
    for link in links:
        found.setdefault(link[side], []).append(link[1 - side])
    return found


def _ranks(keys, arrows):
    """The length of the longest way from an input; inputs stand right above their first use."""
    outgoing, waiting = _neighbours(arrows, 0), dict.fromkeys(keys, 0)
    for _, end in arrows:
        waiting[end] += 1
    ready, rank = [key for key in keys if not waiting[key]], dict.fromkeys(keys, 0)
    sources = list(ready)
    while ready:
        key = ready.pop()
        for end in outgoing.get(key, ()):
            rank[end] = max(rank[end], rank[key] + 1)
            waiting[end] -= 1
            if not waiting[end]:
                ready.append(end)
    for key in sources:
        if key in outgoing:
            rank[key] = min(rank[end] for end in outgoing[key]) - 1
    return rank


def _ordered(ranks, above, below):
    """The order with the fewest crossings among those that sweeps down and up go through."""
    best, fewest = ranks, _crossings(ranks, below)
    current = [list(rank) for rank in ranks]
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        neighbours = above if down else below
        rows = current if down else current[::-1]
        for before, row in zip(rows, rows[1:], strict=False):
            place = {key: i for i, key in enumerate(before)}
            middle = {
                key: _mean([place[n] for n in neighbours[key]]) if key in neighbours else i
                for i, key in enumerate(row)
            }
            row.sort(key=middle.__getitem__)
        crossings = _crossings(current, below)
        if crossings < fewest:
            best, fewest = [list(rank) for rank in current], crossings
    return best


def _crossings(ranks, below):
    total = 0
    for row, following in zip(ranks, ranks[1:], strict=False):
        place = {key: i for i, key in enumerate(following)}
        passed: list[int] = []
        for key in row:
            ends = sorted(place[end] for end in below.get(key, ()))
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _positions(ranks, widths, above, below):
    """Sweeps that pull each box to the middle of its neighbours; bends pull harder."""
    across: dict = {}
    for rank in ranks:
        across.update(_fitted(rank, [0.0] * len(rank), [1.0] * len(rank), widths))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for rank in ranks if down else ranks[::-1]:
            wanted, weights = [], []
            for key in rank:
                near = above.get(key, []) + below.get(key, [])
                wanted.append(_mean([across[n] for n in near]) if near else across[key])
                weights.append(4.0 if isinstance(key, tuple) else 1.0 if near else 0.1)
            across.update(_fitted(rank, wanted, weights, widths))
    return across


def _fitted(keys, wanted, weights, widths):
    """Positions nearest to `wanted` (weighted squares) with the order and distances kept."""
    offsets, edge = [], 0.0
    for key in keys:
        offsets.append(edge + widths[key] / 2)
        edge += widths[key] + GAP
    blocks: list[list[float]] = []  # value, weight, number of boxes that move together
    for target, weight, offset in zip(wanted, weights, offsets, strict=True):
        blocks.append([target - offset, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            value, heavy, count = blocks.pop()
            last = blocks[-1]
            last[0] = (last[0] * last[1] + value * heavy) / (last[1] + heavy)
            last[1] += heavy
            last[2] += count
    values = [value for value, _, count in blocks for _ in range(int(count))]
    return {k: v + o for k, v, o in zip(keys, values, offsets, strict=True)}


def _measured(ranks, across, sizes, chains):
    left = min((across[k] - sizes[k][0] / 2 for k in sizes), default=0.0)
    left = min([left, *(across[b] - BEND / 2 for rank in ranks for b in rank)])
    layout, along, middle = Layout(0.0, 0.0), 0.0, []
    for rank in ranks:
        height = max((sizes[key][1] for key in rank if key in sizes), default=0.0)
        middle.append((along, along + height))
        for key in rank:
            if key in sizes:
                x = across[key] - left
                layout.places[key] = Place(x, along + height / 2, *sizes[key])
                layout.width = max(layout.width, x + sizes[key][0] / 2)
            else:
                layout.width = max(layout.width, across[key] - left + BEND / 2)
        along += height + RANK_GAP
    layout.height = max(along - RANK_GAP, 0.0)
    for arrow, chain in chains.items():
        points = []
        for bend in chain[1:-1]:  # straight past the boxes of the rank
            points += [(across[bend] - left, edge) for edge in middle[bend[2]]]
        layout.bends[arrow] = points
    return layout
