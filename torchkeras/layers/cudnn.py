"""`CuDNNLSTM` and `CuDNNGRU`, the fast layers of Keras 2.1 to 2.3, still in `tf.compat.v1`.

They compute what `LSTM` and `GRU` compute by default and differ in their weights: two biases, end
to end, and kernels whose numbers cuDNN reads in another order. Here they run on any device and take
masks.
"""

from __future__ import annotations

from typing import Any

from ..layer import TABLE, Weight
from .gates import GRUGates, LSTMGates
from .recurrent import NativeRNN

_FIXED = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "reset_after": True,
    "unroll": False,
}


def _rows(gates):
    return (
        Weight("kernel", "rnn.weight_ih_l0", "g i = i g", gates),
        Weight("recurrent_kernel", "rnn.weight_hh_l0", "g u = u g", gates, "recurrent"),
        Weight("bias", ("rnn.bias_ih_l0", "rnn.bias_hh_l0"), gates=gates, flat=True),
    )


class _CuDNN(NativeRNN):
    def _describe_cell(self, config):
        del config["cell"], config["unroll"]

    def call(self, inputs, mask=None, training=None, initial_state=None):
        return super().call(inputs, mask, training, initial_state)


@TABLE.add()
class CuDNNLSTM(LSTMGates, _CuDNN):
    """`LSTM` with a bias of `8 * units` numbers, those of the inputs before those of the state.

    >>> import torch
    >>> layer = CuDNNLSTM(3)
    >>> layer(torch.zeros(2, 5, 4)).shape, layer.bias.shape
    (torch.Size([2, 3]), torch.Size([24]))
    """

    weight_map = _rows("ifgo -> ifgo")
    hidden_bias = True

    def __init__(
        self,
        units: int,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ):
        self._set_up({**_FIXED, **locals()}, kwargs)


@TABLE.add()
class CuDNNGRU(GRUGates, _CuDNN):
    """`GRU` with `reset_after` and a bias of `6 * units` numbers.

    >>> import torch
    >>> CuDNNGRU(3)(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 3])
    """

    weight_map = _rows("rzn -> zrn")

    def __init__(
        self,
        units: int,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ):
        self._set_up({**_FIXED, **locals()}, kwargs)
