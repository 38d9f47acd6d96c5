"""Training survives what happens to processes, a few times each; `long_faults.py` tries many."""

import sys

import numpy as np
import pytest

from compat_tests.checks import faults
from compat_tests.checks.faults import X, Y, model
from torchkeras.callbacks import ModelCheckpoint, TerminateOnNaN


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked, /proc is read")
@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_few(name, tmp_path):
    assert faults.run(name, faults.FAULTS[name][1], tmp_path)


class Broken(Exception):
    pass


def test_an_error_of_the_users_generator():
    def batches(fails):
        for number in range(10):
            if number == fails:
                raise Broken(f"at {number}", number)
            yield X[:8], Y[:8]

    made = model()
    for fails in (0, 3):
        with pytest.raises(Broken) as caught:
            made.fit(batches(fails), steps_per_epoch=10, verbose=0)
        assert type(caught.value) is Broken and caught.value.args == (f"at {fails}", fails)
        assert not made.training
        made.fit(batches(None), steps_per_epoch=10, verbose=0)
    with pytest.warns(UserWarning, match="ended after 10 batches"):
        made.fit(batches(None), steps_per_epoch=12, verbose=0)


@pytest.mark.parametrize("batch", [0, 3])
def test_numbers_that_are_not_finite(batch, tmp_path):
    x, seen = X.copy(), []
    x[8 * batch] = np.nan
    made = model()

    class Count(TerminateOnNaN):
        def on_batch_end(self, batch, logs=None):
            seen.append(batch)
            super().on_batch_end(batch, logs)

    made.fit(x, Y, 8, 5, 0, [Count()], shuffle=False)
    assert seen == list(range(batch + 1))


def test_a_best_file_is_not_replaced_by_nan(tmp_path):
    made = model()
    save = ModelCheckpoint(tmp_path / "best.h5", "loss", save_best_only=True)
    made.fit(X, Y, verbose=0, callbacks=[save])
    before, best = (tmp_path / "best.h5").read_bytes(), save.best
    with pytest.warns(RuntimeWarning, match="nan"):
        made.fit(X * np.nan, Y, epochs=2, verbose=0, callbacks=[save])
    assert (tmp_path / "best.h5").read_bytes() == before and save.best == best
