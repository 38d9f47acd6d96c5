"""Texts and sequences that hypothesis makes, beside tf.keras: all of Unicode, empty, huge."""

import pytest

from compat_tests import oracle
from torchkeras.preprocessing import sequence, text

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

if oracle.tf_keras() is None:
    pytest.skip("needs tf_keras, which answers as the texts are made", allow_module_level=True)

KERAS = oracle.tf_keras().preprocessing
many = hypothesis.settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
WORDS = st.text(max_size=6)
SENTENCES = st.lists(WORDS, max_size=30).map(" ".join)
TEXTS = st.lists(
    st.one_of(
        st.text(), SENTENCES, st.just("huge " * 3000), st.lists(st.text(min_size=1), max_size=5)
    ),
    max_size=8,
)
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "num_words": st.integers(1, 12),
        "lower": st.booleans(),
        "char_level": st.booleans(),
        "oov_token": st.sampled_from(["<oov>", "a", "0"]),
        "filters": st.one_of(st.just(""), st.text(max_size=5), st.just("0123456789abcdef\0")),
        "split": st.sampled_from([" ", ",", "\n", "ab"]),
    },
)


def outcome(module, arguments, fit, new):
    tokenizer = module.Tokenizer(**arguments)
    tokenizer.fit_on_texts(fit)
    tokenizer.fit_on_texts(new[:1])
    sequences = tokenizer.texts_to_sequences(new)
    known = [[number for number in row if number is not None] for row in sequences]
    return {
        "sequences": sequences,
        "texts": tokenizer.sequences_to_texts(known),
        "counts": list(tokenizer.word_counts.items()),
        "docs": dict(tokenizer.word_docs),
        "index_docs": dict(tokenizer.index_docs),
        "index": list(tokenizer.word_index.items()),
        "documents": tokenizer.document_count,
    }


def same(run):
    """The result of ours and of Keras, or that both refuse."""
    found = []
    for module in (text, KERAS.text):
        try:
            found.append(run(module))
        except Exception as error:
            found.append(type(error))
    assert found[0] == found[1]


@many
@hypothesis.given(ARGUMENTS, TEXTS, TEXTS)
def test_tokenizer(arguments, fit, new):
    same(lambda module: outcome(module, arguments, fit, new))


@many
@hypothesis.given(st.one_of(st.text(), SENTENCES), st.booleans(), st.text(max_size=4))
def test_words_and_hashes(given, lower, filters):
    same(lambda module: module.text_to_word_sequence(given, filters=filters, lower=lower))
    same(lambda module: module.hashing_trick(given, 50, "md5", filters=filters, lower=lower))


@many
@hypothesis.given(
    st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=9), max_size=6),
    st.one_of(st.none(), st.integers(1, 12)),
    st.sampled_from(["pre", "post"]),
    st.sampled_from(["pre", "post"]),
    st.integers(-3, 3),
)
def test_pad_sequences(rows, maxlen, padding, truncating, value):
    hypothesis.assume(rows and (maxlen or any(rows)))
    arguments = {
        "maxlen": maxlen, "padding": padding, "truncating": truncating, "value": value
    }  # fmt: skip
    found, expected = (
        module.pad_sequences(rows, **arguments) for module in (sequence, KERAS.sequence)
    )
    assert found.dtype == expected.dtype and found.tolist() == expected.tolist()
