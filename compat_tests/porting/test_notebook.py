"""Notebooks, ported: code cells change together, all else stays as it was."""

import json

import pytest

from torchkeras.porting.notebook import ported_notebook

CELLS = [
    ("markdown", "# import keras", None),
    ("code", "!pip install tensorflow\n%matplotlib inline\nfrom keras.layers import Convolution2D",
     "!pip install tensorflow\n%matplotlib inline\nfrom torchkeras.layers import Conv2D"),
    ("code", "%%time\nimport tensorflow as tf\nfor i in x:\n    !echo $i",
     "%%time\nimport torchkeras as keras\nfor i in x:\n    !echo $i"),
    ("code", "%%bash\nimport keras", None),
    ("code", "", None),
    ("code", "c = Convolution2D(8, 3, 3)\ntf.keras.Model?\nfiles = !ls\n5 \\\n  % 3",
     "c = Conv2D(8, (3, 3))\ntf.keras.Model?\nfiles = !ls\n5 \\\n  % 3"),
    ("code", "tf.keras.Model", "keras.Model"),
    ("code", "this is no python", None),
]  # fmt: skip


def book(column, as_list=True, indent=1):
    cells = []
    for kind, *texts in CELLS:
        text = texts[column] if texts[column] is not None else texts[0]
        source = text.splitlines(True) if as_list else text
        outputs = [{"output_type": "stream", "name": "stdout", "text": "import keras é"}]
        more = {"outputs": outputs, "execution_count": 3} if kind == "code" else {}
        cells.append({"cell_type": kind, "metadata": {"a": 1}, "source": source, **more})
    described = {"cells": cells, "metadata": {"kernelspec": {"name": "python3"}},
                 "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
    return json.dumps(described, indent=indent, ensure_ascii=False) + "\n" * as_list


@pytest.mark.parametrize("as_list, indent", [(True, 1), (False, None), (True, 2)])
def test_ported(as_list, indent):
    found = ported_notebook(book(0, as_list, indent))
    assert found.text == book(1, as_list, indent)
    assert found.remarks == []
    assert ported_notebook(found.text).text == found.text


def test_remarks_name_cell_and_line():
    cells = [{"cell_type": "code", "source": source} for source in
             ("import tensorflow as tf\n", "x = 1\ntf.placeholder(1)")]  # fmt: skip
    (remark,) = ported_notebook(json.dumps({"cells": cells})).remarks
    assert (remark.line, remark.runs) == (2, False)
    assert remark.reason.startswith("(cell 2) torchkeras has no 'tf.placeholder'")


NO_BOOKS = ["{", "[]", '{"worksheets": []}', '{"cells": [{"cell_type": "code"}]}']


@pytest.mark.parametrize("text", NO_BOOKS)
def test_no_notebook(text):
    with pytest.raises(ValueError, match="no notebook of version 4"):
        ported_notebook(text)
