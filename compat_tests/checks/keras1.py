"""Configs and files as Keras 1 wrote them."""

from __future__ import annotations

import json

import h5py
import numpy as np

REGULARIZER = {"name": "L1L2Regularizer", "l1": 0.0, "l2": 0.5}


def layer(class_name, name, **config):
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def dense(name, units, **config):
    settings = {
        "output_dim": units, "init": "glorot_uniform", "activation": "linear", "bias": True,
        "W_regularizer": None, "b_regularizer": None, "activity_regularizer": None,
        "W_constraint": None, "b_constraint": None, "input_dim": None,
    }  # fmt: skip
    return layer("Dense", name, **(settings | config))


def convolution(name, order, **config):
    settings = {
        "nb_filter": 4, "nb_row": 2, "nb_col": 3, "init": "uniform", "activation": "relu",
        "border_mode": "same", "subsample": [1, 1], "dim_ordering": order, "bias": True,
        "W_regularizer": REGULARIZER, "b_regularizer": None, "activity_regularizer": None,
        "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0}, "b_constraint": None,
    }  # fmt: skip
    return layer("Convolution2D", name, **(settings | config))


def recurrent(kind, name, **config):
    settings = {
        "output_dim": 3, "init": "glorot_uniform", "inner_init": "orthogonal",
        "activation": "tanh", "inner_activation": "hard_sigmoid", "return_sequences": False,
        "go_backwards": False, "stateful": False, "unroll": False, "consume_less": "cpu",
        "W_regularizer": None, "U_regularizer": None, "b_regularizer": None, "dropout_W": 0.0,
        "dropout_U": 0.0, "input_dim": 2, "input_length": None,
    }  # fmt: skip
    if kind == "LSTM":
        settings["forget_bias_init"] = "one"
    return layer(kind, name, **(settings | config))


def saved(path, config, groups, version="1.2.2", backend=None):
    """A file as Keras 1 wrote it; `groups` are layer names with their arrays."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = np.bytes_(version)
        file.attrs["model_config"] = np.bytes_(json.dumps(config))
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in groups]
        if backend:
            root.attrs["keras_version"], root.attrs["backend"] = b"2.2.4", backend.encode()
        for name, arrays in groups.items():
            group = root.create_group(name)
            names = [f"{name}_{index}:0" for index in range(len(arrays))]
            group.attrs["weight_names"] = [one.encode() for one in names]
            for one, array in zip(names, arrays, strict=True):
                group.create_dataset(one, data=array)
