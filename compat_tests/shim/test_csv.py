"""`tf.data.experimental.make_csv_dataset` beside TensorFlow's."""

import numpy as np
import pytest

import torchkeras.shim.tensorflow as ours
from compat_tests import oracle

TEXT = """size,kind,count,price
1.5, red,4,3
,blue,70000000000,?
-2,"a, b",,1e3
"""
FULL = dict(num_epochs=1, shuffle=False)
CASES = {
    "inferred": dict(FULL, na_value="?"),
    "label": dict(FULL, label_name="count", na_value="?"),
    "defaults": dict(FULL, column_defaults=[[0.5], "none", [-1.0], [7.0]], na_value="?"),
    "chosen": dict(FULL, select_columns=["count", "kind"], label_name="kind"),
    "by number": dict(FULL, select_columns=[0, 2], column_defaults=[[0.0], [3.0]]),
    "named": dict(FULL, column_names=list("abcd"), header=False),
    "epochs": dict(shuffle=False, num_epochs=2),
    "endless": dict(shuffle=False),
}


def batches(tf, path, options):
    def plain(value):
        if isinstance(value, dict):
            return {name: plain(one) for name, one in value.items()}
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        array = np.asarray(value)
        texts = array.dtype == object
        return [t.decode() if isinstance(t, bytes) else t for t in array] if texts else array

    data = tf.data.experimental.make_csv_dataset(str(path), 2, **options).take(4)
    return [plain(element) for element in data]


@pytest.mark.parametrize("case", CASES)
def test_batches(case, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TEXT, encoding="utf-8")

    def real(keras):
        import tensorflow as tf

        return batches(tf, path, CASES[case])

    found, wanted = batches(ours, path, CASES[case]), oracle.ask(real)
    assert repr(found) == repr(wanted)


def test_a_batch_is_shuffled_and_told_what_is_wrong(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "".join(f"{n},x\n" for n in range(50)), encoding="utf-8")
    make = ours.data.experimental.make_csv_dataset
    numbers = [int(n) for batch in make(str(path), 7, num_epochs=1) for n in batch["a"]]
    assert sorted(numbers) == list(range(50)) and numbers != sorted(numbers)
    for options, reason in (
        (dict(label_name="c"), "label_name='c' is none of the columns"),
        (dict(column_defaults=[0, 0]), "Column 'b' of torch.int32 cannot be read: .*'x'"),
        (dict(column_defaults=[0]), "1 column_defaults were given for the 2 columns"),
        (dict(header=False), "needs `column_names`"),
        (dict(column_names=["a"]), r"Line 2 of .*table.csv has 2 values; expected 1"),
        (dict(select_columns=["z"]), r"select_columns names \['z'\]"),
    ):
        with pytest.raises(ValueError, match=reason):
            make(str(path), 7, **options)
