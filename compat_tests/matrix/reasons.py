"""Why a cell of the matrix is not full: what is known of a reader, a format and a model."""

from __future__ import annotations

_HARD = ("hard_sigmoid", "conv_lstm1d", "conv_lstm2d", "conv_lstm3d")
_TF = ("tf.keras 2.15", "tf_keras")
_AS_3 = (
    "the optimizer starts anew: tf.keras and Keras 3 look at `optimizer/vars` for a different "
    'number of arrays; `save_format="keras_v2"` has that of tf.keras'
)


def reason(writer: str, ending: str, reader: str, name: str, optimizer: str, said: str) -> str:
    """The reason, or what the reader said where none is known."""
    of_archive = ending.startswith((".keras", ".weights.h5"))
    anew = said.endswith("starts anew")
    if name.startswith("legacy_") and of_archive and anew:
        if writer in _TF:
            return "tf.keras writes no state of `optimizers.legacy` into such files"
        if reader in _TF:
            return "tf.keras looks for no state of `optimizers.legacy` in such files"
    if reader in _TF and said.startswith("trains"):
        if anew and ending in (".keras", ".weights.h5"):
            return _AS_3
        if optimizer == "Nadam" and not anew:
            return "tf.keras does not keep Nadam's product of momenta, in its own files neither"
    return _of_model(writer, ending, reader, name, said) or said


def _of_model(writer, ending, reader, name, said):
    """What is particular to a layer."""
    if reader in _TF and ending == ".keras":
        if "query_shape" in said:
            return "tf.keras insists on the shapes in MultiHeadAttention that Keras 3 refuses"
        if name == "operators":
            return "there are operations of Keras 3 in the place of functions of TensorFlow"
        if "as_list" in said:
            return "the states of a recurrent layer are written as Keras 3 alone reads them"
        if "function_type" in said:
            return "tf.keras insists on words in the config of Lambda that Keras 3 refuses"
    if reader == "tf.keras 2.15" and name == "spectral_norm":
        return "tf.keras 2.15 does not know SpectralNormalization when it loads, its own neither"
    if reader in _TF and name == "fourier":
        return "tf.keras does not know RandomFourierFeatures when it loads, its own neither"
    if reader == "Keras 3" and ending == ".h5":
        if "keras.metrics.mse" in said:
            return "Keras 3 takes no loss that has a bare name in `.h5` files, of tf.keras neither"
        if name == "integer_lookup_adapted" and "'input_shape'" in said:
            return (
                "Keras 3 takes no input shape in the config of a layer; this one has one since "
                "`adapt`, and tf.keras cannot write such a file"
            )
        if name == "pipeline" and "Could not locate class" in said:
            return (
                "Keras 3 finds layers inside of a layer by the module in their config, which no "
                "`.h5` file of Keras 2 has"
            )
        if name not in ("pipeline", "integer_lookup_adapted"):  # tf.keras writes none of them
            return "Keras 3 does not know all words in these configs, in files of tf.keras neither"
    if name == "model_over_time" and "Keras 3" in (reader, writer):
        return "Keras 3 calls the model for each time step, so its BatchNormalization differs"
    if name in _HARD and said.startswith("predicts") and "Keras 3" in (reader, writer):
        return "Keras 3 means another function by `hard_sigmoid`, the default of these layers in 2"
    if writer == "Keras 3" and ending == ".h5" and "no vocabulary" in said:
        return "Keras 3 leaves a vocabulary that was learned out of `.h5` files"
    return None
