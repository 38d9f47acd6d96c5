"""The table of packed words beside a dictionary."""

import random

import numpy as np
import pytest

from torchkeras.preprocessing.packed import END, MARK, UNKNOWN, Packed, Table

LETTERS = "abcdefgh", "éßøŁœ", "日本語", "\ud800\U0001f600x"


def words(seed, count):
    draw = random.Random(seed)
    return [
        "".join(draw.choices(draw.choice(LETTERS), k=draw.randint(1, draw.choice((3, 8, 16, 17)))))
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_finds_what_a_dictionary_finds(seed):
    """Through growth, collisions, words of 16 bytes and more, numbers that stand twice."""
    some, others = words(seed, 6000), words(seed + 10, 3000)
    numbers = {word: i // 2 for i, word in enumerate(dict.fromkeys(some))}
    first = dict(list(numbers.items())[:3000])
    table = Table({**first, 5: 1, "": 2, "no word": 3, None: 4})
    table.add({word: number for word, number in numbers.items() if word not in first})
    asked = [*some, MARK, *others, MARK]
    expected = [END if word == MARK else numbers.get(word, UNKNOWN) for word in asked]
    packed = Packed("  ".join(asked) + " ")
    assert packed.words(np.array([0, 5999, -1])) == [some[0], some[-1], MARK]
    np.testing.assert_array_equal(table.numbers(packed), expected)
    assert {END, UNKNOWN, 0} < set(expected) and packed.long.any()
    asked_for = []
    table.numbers(packed, lambda unknown: asked_for.extend(unknown) or [7] * len(unknown))
    assert asked_for == [word for word in asked if word != MARK and word not in numbers]


def test_no_words():
    assert Table({}).numbers(Packed("  ")).tolist() == []
