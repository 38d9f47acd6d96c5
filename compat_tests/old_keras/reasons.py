"""Why a file of old Keras is not read alike: what is known of models and versions."""

from __future__ import annotations

_AS_NOW = "; what the word means in tf.keras 2.15 is what it means here"
_BY_MODEL = {
    "activity": f"those versions do not divide activity penalties by the size of a batch{_AS_NOW}",
    "frozen": "a frozen BatchNormalization normalized by the batch; in tf.keras 2.15 it is fixed",
    "nested_frozen": "a frozen BatchNormalization normalized by the batch; in tf.keras it is fixed",
    "named_input": "Keras 2.2 wrote no shape where a Sequential began with an InputLayer; in one "
    "file with the weights, these tell it",
    "pad_sides_th": "Keras 1.0 took two numbers as padding and passed over the others",
    "srelu": "on Theano the largest value holds for the slope on the left too",
    "srelu_shared": "on Theano the largest value holds for the slope on the left too",
    "loss_cosine_proximity": f"it was a mean and is a sum now{_AS_NOW}",
    "rule_adagrad": f"`clipnorm` was of all gradients together{_AS_NOW}",
}
_SAME = ("conv_same_th", "conv_same_tf", "conv_lstm_th", "conv_lstm_tf")


def reason(about: dict, name: str, how: str, said: str) -> str:
    """The reason, or what was said where none is known."""
    if how == "by name" and name.startswith("nested"):
        return "these files have no names of nested Sequential models"
    if name in _BY_MODEL:
        return _BY_MODEL[name]
    if "Labels of output" in said:
        return "its labels have fewer axes than its output, which is refused here"
    if about["backend"] == "theano" and said.startswith("predicts otherwise") and name in _SAME:
        return "Theano pads 'same' windows alike on both sides, others at the end first"
    return said
