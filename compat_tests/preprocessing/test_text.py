"""Tokenizer and the hashing functions against tf.keras."""

import json
import pickle
import random
from collections import OrderedDict

import numpy as np
import pytest

from compat_tests import oracle
from torchkeras.preprocessing import text as ours
from torchkeras.preprocessing.text import Tokenizer, Vocabulary

SCRIPTS = (  # ranges of letters of many scripts, with signs between them
    (0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x6FF), (0x900, 0x97F),
    (0xE00, 0xE7F), (0x1100, 0x11FF), (0x2000, 0x206F), (0x3040, 0x30FF), (0x4E00, 0x4EFF),
    (0x1F600, 0x1F64F), (0x1, 0x1F),
)  # fmt: skip


def random_texts(seed, count=12):
    """Texts of words of all scripts, words repeated, odd blanks, empty texts."""
    draw = random.Random(seed)

    def word():
        low, high = draw.choice(SCRIPTS)
        return "".join(chr(draw.randint(low, high)) for _ in range(draw.randint(1, 5)))

    words = [word() for _ in range(15)] + ["ΣΑΣ", "İx", "ß", "don't"]
    blanks = (" ", "  ", "\t", "\n", "\u00a0", "-")
    return [
        "".join(draw.choice(words) + draw.choice(blanks) for _ in range(draw.randint(0, 12)))
        for _ in range(count)
    ]


FIT = ["The cat sat on the mat.", "The dog: the DOG ate; my homework!", "", "cat\tdog\nbird"]
NEW = ["the cat and the fish", "", "dog dog dog", "unknown words only"]
LISTS = [["The", "cat"], ["the", "DOG", "the"], []]

CASES = {
    "default": ({}, FIT, NEW),
    "num_words": ({"num_words": 4}, FIT, NEW),
    "oov": ({"oov_token": "<oov>"}, FIT, NEW),
    "oov and num_words": ({"oov_token": "<oov>", "num_words": 4}, FIT, NEW),
    "oov among the words": ({"oov_token": "cat"}, FIT, NEW),
    "case kept": ({"lower": False}, FIT, NEW),
    "characters": ({"char_level": True, "num_words": 8}, FIT, NEW),
    "characters, case kept": ({"char_level": True, "lower": False}, FIT, NEW),
    "own filters": ({"filters": "aeiou"}, FIT, NEW),
    "no filters": ({"filters": ""}, FIT, NEW),
    "own split": ({"split": ","}, ["a,b;c", "a,,b"], ["a b,c"]),
    "lists": ({}, LISTS, LISTS),
    "lists, case kept": ({"lower": False}, LISTS, LISTS),
    "analyzer": ({"analyzer": str.split}, FIT, NEW),
    "document_count": ({"document_count": 5}, FIT, NEW),
    **{f"all scripts {seed}": ({}, random_texts(seed), random_texts(seed)) for seed in range(6)},
    "all scripts, characters": ({"char_level": True}, random_texts(9), random_texts(10)),
    "a huge text": ({"num_words": 50}, [" ".join(map(str, range(5000))) * 2], ["7 4999 5000"]),
}


def outcome(tokenizer, fit, new):
    tokenizer.fit_on_texts(fit)
    tokenizer.fit_on_texts(iter(new[:1]))
    sequences = tokenizer.texts_to_sequences(new)
    config = tokenizer.get_config()
    for name in ("word_docs", "index_docs"):  # their order is that of sets of strings
        config[name] = sorted(json.loads(config[name]).items())
    return {
        "sequences": sequences,
        "texts": tokenizer.sequences_to_texts(sequences + [[1, 10**6, 2]]),
        "config": config,
        "counts": list(tokenizer.word_counts.items()),
        "index": list(tokenizer.word_index.items()),
        "words": list(tokenizer.index_word.items()),
        "matrices": [
            tokenizer.texts_to_matrix(new, mode) for mode in ("binary", "count", "freq", "tfidf")
        ],
    }


@pytest.mark.parametrize("case", CASES)
def test_tokenizer(case):
    arguments, fit, new = CASES[case]
    expected = oracle.ask(
        lambda keras: outcome(keras.preprocessing.text.Tokenizer(**arguments), fit, new)
    )
    found = oracle.plain(outcome(Tokenizer(**arguments), fit, new))
    for ours_, theirs in zip(found.pop("matrices"), expected.pop("matrices"), strict=True):
        np.testing.assert_allclose(ours_, theirs, 1e-12)
    assert found == expected


def test_sequences_alone():
    def run(tokenizer):
        tokenizer.fit_on_sequences([[1, 2, 2], [3], [2, 9]])
        return tokenizer.sequences_to_matrix([[2, 2, 1], [], [3, 8]], mode="tfidf")

    expected = oracle.ask(lambda keras: run(keras.preprocessing.text.Tokenizer(num_words=5)))
    np.testing.assert_allclose(run(Tokenizer(num_words=5)), expected, 1e-12)


@pytest.mark.parametrize("case", ["oov and num_words", "all scripts 0"])
def test_json(case):
    arguments, fit, new = CASES[case]
    answer = oracle.ask(lambda keras: theirs(keras, arguments, fit, new))
    again = ours.tokenizer_from_json(answer["json"])
    assert again.texts_to_sequences(new) == answer["sequences"]
    assert again.to_json() == answer["again"]
    assert ours.tokenizer_from_json(again.to_json(indent=1)).get_config() == again.get_config()


def theirs(keras, arguments, fit, new):
    tokenizer = keras.preprocessing.text.Tokenizer(**arguments)
    tokenizer.fit_on_texts(fit)
    text = tokenizer.to_json()
    again = keras.preprocessing.text.tokenizer_from_json(text)
    sequences = tokenizer.texts_to_sequences(new)
    return {"json": text, "again": again.to_json(), "sequences": sequences}


@pytest.mark.parametrize("protocol", range(6))
def test_pickle(protocol):
    arguments, fit, new = CASES["oov and num_words"]

    def pickled(keras):
        tokenizer = keras.preprocessing.text.Tokenizer(**arguments)
        tokenizer.fit_on_texts(fit)
        return {
            "pickle": np.frombuffer(pickle.dumps(tokenizer, protocol), np.uint8),
            "config": json.loads(tokenizer.to_json()),
            "sequences": tokenizer.texts_to_sequences(new),
        }

    answer = oracle.ask(pickled)
    again = ours.tokenizer_from_pickle(answer["pickle"].tobytes())
    assert json.loads(again.to_json()) == answer["config"]
    assert again.texts_to_sequences(new) == answer["sequences"]
    assert isinstance(again.word_counts, OrderedDict) and again.index_docs[10**6] == 0


def test_pickle_files(tmp_path):
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(FIT)
    path = tmp_path / "tokenizer.pickle"
    path.write_bytes(pickle.dumps(tokenizer))
    assert ours.tokenizer_from_pickle(path).get_config() == tokenizer.get_config()
    with open(path, "rb") as file:
        assert ours.tokenizer_from_pickle(file).word_index == tokenizer.word_index
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="tokenizer.pickle"):
        ours.tokenizer_from_pickle(path)


class Evil:
    def __reduce__(self):
        return print, ("run",)


def with_state(**state):
    tokenizer = Tokenizer()
    vars(tokenizer).update(state)
    return tokenizer


HOSTILE = {
    "a function": Evil(),
    "inside": with_state(filters=Evil()),
    "no tokenizer": {"num_words": 3},
    "a strange attribute": with_state(fit_on_texts="x"),
    "a wrong type": with_state(num_words="3"),
    "a wrong table": with_state(word_index={"a": "b"}),
    "an analyzer": with_state(analyzer=len),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickles(case, capsys):
    with pytest.raises(ValueError):
        ours.tokenizer_from_pickle(pickle.dumps(HOSTILE[case]))
    assert capsys.readouterr().out == ""


WORDS = {
    "default": ("Hello, World! a_b", {}),
    "filters": ("Hello, World!", {"filters": "lo"}),
    "case": ("Hello World", {"lower": False}),
    "split": ("Hello, World", {"split": ";"}),
    "long split": ("a. b", {"split": "--"}),
    "empty": ("", {}),
    **{f"scripts {seed}": (" ".join(random_texts(seed)), {}) for seed in range(20, 25)},
}


@pytest.mark.parametrize("case", WORDS)
def test_words_and_hashes(case):
    text, arguments = WORDS[case]

    def run(module):
        return [
            module.text_to_word_sequence(text, **arguments),
            module.hashing_trick(text, 30, "md5", **arguments),
            module.hashing_trick(text, 7, len, analyzer=str.split),
        ]

    assert run(ours) == oracle.ask(lambda keras: run(keras.preprocessing.text))


def test_one_hot():
    assert ours.one_hot("a B", 40) == [hash("a") % 39 + 1, hash("b") % 39 + 1]
    assert ours.hashing_trick("a B", 40) == ours.one_hot("a B", 40)


class Old:  # a torchtext vocabulary of before 0.9
    itos = ["<unk>", "the", "cat"]
    stoi = {"<unk>": 0, "the": 1, "cat": 2}


class New:  # and one of after
    def get_stoi(self):
        return {"cat": 2, "<unk>": 0, "the": 1}

    def get_default_index(self):
        return 0


@pytest.mark.parametrize("vocabulary", [Old(), New(), Vocabulary(Old.itos, 0)])
def test_vocabulary(vocabulary):
    known = {} if not isinstance(vocabulary, Old) else {"oov_token": "<unk>"}
    tokenizer = Tokenizer.from_vocabulary(vocabulary, **known)
    assert tokenizer.texts_to_sequences(["The cat sat"]) == [[1, 2, 0]]
    assert tokenizer.sequences_to_texts([[2, 0]]) == ["cat <unk>"]


def test_tokenizer_to_vocabulary():
    tokenizer = Tokenizer(num_words=4, oov_token="<oov>")
    tokenizer.fit_on_texts(["b a a c c c"])
    vocabulary = tokenizer.to_vocabulary()
    assert vocabulary.get_itos() == ["<pad>", "<oov>", "c", "a"]
    assert vocabulary.get_stoi()["a"] == 3 and vocabulary.lookup_tokens([2]) == ["c"]
    assert [vocabulary(["a", "b"])] == tokenizer.texts_to_sequences(["a b"])
    again = Tokenizer.from_vocabulary(vocabulary)
    assert again.texts_to_sequences(["a b"]) == [[3, 1]]


WRONG = {
    "None in a column": (
        lambda: Tokenizer().fit_on_texts(["a", None]),
        TypeError,
        "Text 1 is None",
    ),
    "NaN": (lambda: Tokenizer().texts_to_sequences([float("nan")]), TypeError, "Text 0 is nan"),
    "a list of numbers": (lambda: Tokenizer().fit_on_texts([[1, 2]]), TypeError, "Text 0"),
    "unknown argument": (lambda: Tokenizer(words=3), TypeError, "'words'"),
    "no width": (lambda: Tokenizer().sequences_to_matrix([[1]]), ValueError, "num_words"),
    "tfidf unfitted": (
        lambda: Tokenizer(num_words=3).sequences_to_matrix([[1]], mode="tfidf"),
        ValueError,
        "fit the Tokenizer",
    ),
    "mode": (lambda: Tokenizer(num_words=3).sequences_to_matrix([[1]], "x"), ValueError, "'x'"),
    "no vocabulary": (lambda: Tokenizer.from_vocabulary(3), TypeError, "int is no vocabulary"),
    "oov not there": (
        lambda: Tokenizer.from_vocabulary(Old(), oov_token="?"),
        ValueError,
        "not in the vocabulary",
    ),
    "unknown word": (lambda: Vocabulary(["a"])["b"], KeyError, "no default index"),
    "twice": (lambda: Vocabulary(["a", "a"]), ValueError, "'a' occurs twice"),
    "hash function": (lambda: ours.hashing_trick("a", 3, "sha"), ValueError, "'sha'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    act, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        act()


def test_nothing_is_counted_after_an_error():
    tokenizer = Tokenizer()
    with pytest.raises(TypeError):
        tokenizer.fit_on_texts(["a b", None])
    assert tokenizer.document_count == 0 and not tokenizer.word_counts


def test_old_name():
    with pytest.warns(UserWarning, match="num_words"):
        assert Tokenizer(nb_words=3).num_words == 3
