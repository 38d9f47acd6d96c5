"""Layers that are random in training."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from ...layers import noise
from .. import helpers
from ..natives import Unwritten
from ..text import literal


def dropout(site: Any) -> str:
    layer = site.layer
    if layer.noise_shape is None:
        return f"{site.module(nn.Dropout(layer.rate))}({site.any_order()})"
    code = (
        f"{site.helper(helpers.SharedDropout)}({layer.rate}, {literal(tuple(layer.noise_shape))})"
    )
    return f"{site.module(nn.Identity(), code=code)}({site.input()})"


def spatial_dropout(site: Any) -> str:
    native = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)[site.layer.rank - 1]
    return f"{site.module(native(site.layer.rate))}({site.spatial()})"


def alpha_dropout(site: Any) -> str:
    if site.layer.noise_shape is not None:
        raise Unwritten("it has a noise_shape")
    return f"{site.module(nn.AlphaDropout(site.layer.rate))}({site.any_order()})"


def gaussian_noise(site: Any) -> str:
    code = f"{site.helper(helpers.GaussianNoise)}({literal(float(site.layer.stddev))})"
    return f"{site.module(nn.Identity(), code=code)}({site.any_order()})"


def gaussian_dropout(site: Any) -> str:
    rate = site.layer.rate
    stddev = 0.0 if rate in (0, 1) else math.sqrt(rate / (1.0 - rate))
    code = f"{site.helper(helpers.GaussianNoise)}({literal(stddev)}, multiply=True)"
    return f"{site.module(nn.Identity(), code=code)}({site.any_order()})"


EMITTERS = {
    noise.Dropout: dropout,
    noise.SpatialDropout1D: spatial_dropout,
    noise.SpatialDropout2D: spatial_dropout,
    noise.SpatialDropout3D: spatial_dropout,
    noise.AlphaDropout: alpha_dropout,
    noise.GaussianNoise: gaussian_noise,
    noise.GaussianDropout: gaussian_dropout,
}
