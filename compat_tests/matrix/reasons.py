"""Why a cell of the matrix is not full: what is known of a reader, a format and a model."""

from __future__ import annotations

_HARD = ("hard_sigmoid", "conv_lstm1d", "conv_lstm2d", "conv_lstm3d")
_TF = ("tf.keras 2.15", "tf_keras")
_BY_3 = "the file is in the order of Keras 3; tf.keras starts the optimizer anew"


def reason(writer: str, ending: str, reader: str, name: str, optimizer: str, said: str) -> str:
    """The reason, or what the reader said where none is known."""
    of_archive = ending in (".keras", ".weights.h5")
    if writer in _TF and name.startswith("legacy_") and of_archive:
        return "tf.keras writes no state of `optimizers.legacy` into such files"
    if reader in _TF and optimizer == "Nadam" and said.startswith("trains"):
        return "tf.keras does not keep Nadam's product of momenta, in its own files neither"
    if reader in _TF and of_archive and said.startswith("trains"):
        return _BY_3
    if reader in _TF and ending == ".keras" and "query_shape" in said:
        return "tf.keras insists on the shapes in MultiHeadAttention that Keras 3 refuses"
    if reader == "tf.keras 2.15" and name == "spectral_norm":
        return "tf.keras 2.15 does not know SpectralNormalization when it loads, its own neither"
    if name == "model_over_time":
        return "Keras 3 calls the model for each time step, so its BatchNormalization differs"
    if name in _HARD and said.startswith("predicts") and "Keras 3" in (reader, writer):
        return "Keras 3 means another function by `hard_sigmoid`, the default of these layers in 2"
    if writer == "Keras 3" and ending == ".h5" and "no vocabulary" in said:
        return "Keras 3 leaves a vocabulary that was learned out of `.h5` files"
    return said
