"""What TensorFlow 1 called otherwise: scripts of its time say `tf.random_normal`, `tf.log`."""

from __future__ import annotations

import sys
from typing import Any

from ...optimizers import legacy
from .calls import Namespace, known, tensor

_here = sys.modules[__package__]

# names of tf.compat.v1, and where they are today
MOVED = {
    "truncated_normal": "random.truncated_normal",
    "random_shuffle": "random.shuffle",
    "random_crop": "image.random_crop",
    "multinomial": "random.categorical",
    "space_to_depth": "nn.space_to_depth",
    "depth_to_space": "nn.depth_to_space",
    "log_sigmoid": "math.log_sigmoid",
    "py_func": "numpy_function",
    "read_file": "io.read_file",
    "check_numerics": "debugging.check_numerics",
    "matrix_diag": "linalg.diag",
    "matrix_diag_part": "linalg.diag_part",
    "matrix_band_part": "linalg.band_part",
    "matrix_transpose": "linalg.matrix_transpose",
    "matrix_determinant": "linalg.det",
    "matrix_solve": "linalg.solve",
    "cholesky": "linalg.cholesky",
    "cross": "linalg.cross",
    "diag": "linalg.tensor_diag",
    "diag_part": "linalg.tensor_diag_part",
    "self_adjoint_eig": "linalg.eigh",
    "svd": "linalg.svd",
    "trace": "linalg.trace",
    "fft": "signal.fft",
    "ifft": "signal.ifft",
    "fft2d": "signal.fft2d",
    "mod": "math.floormod",
    **{
        name: f"math.{name}"
        for name in "rint erf lgamma digamma is_inf is_finite floormod expm1 log1p real imag angle "
        "segment_sum unsorted_segment_sum count_nonzero confusion_matrix bincount "
        "invert_permutation".split()
    },
    **{
        f"{name}_initializer": f"keras.initializers.{name}"
        for name in "glorot_uniform glorot_normal truncated_normal orthogonal".split()
    },
    "variance_scaling_initializer": "keras.initializers.VarianceScaling",
}
FILES = {
    name: f"io.gfile.{present}"
    for name, present in {
        "Exists": "exists", "IsDirectory": "isdir", "ListDirectory": "listdir", "MkDir": "mkdir",
        "MakeDirs": "makedirs", "Remove": "remove", "DeleteRecursively": "rmtree", "Glob": "glob",
        "Copy": "copy", "FastGFile": "GFile", "Open": "GFile",
    }.items()
}  # fmt: skip
MOVED_IN_NN = {
    "softmax_cross_entropy_with_logits_v2": "nn.softmax_cross_entropy_with_logits",
}


class Early(Namespace):
    """A version's own names, those that are elsewhere today, then what a part of `tf` has."""

    def __init__(self, name: str, home: Any, moved: dict[str, str], **own: Any):
        super().__init__(name, **own)
        self.__dict__.update(_home=home, _moved=moved)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._moved:
            return _find(self._moved[name])
        return getattr(self._home, name)

    def has(self, name: str) -> bool:
        """Whether that is a name of this version alone."""
        return name in self._moved or name in self.__dict__ and name[0] != "_"


def _find(path):
    found: Any = _here
    for name in path.split("."):
        found = getattr(found, name)
    return found


def print_(input_: Any, data: Any, message: str = "", *args: Any, **options: Any) -> Any:
    """`input_`; each call prints `data` behind the message."""
    print(message + "".join(f"[{tensor(one).tolist()}]" for one in data), file=sys.stderr)
    return input_


# --- images whose pixels are points at their corners -----------------------------------------


def extract_image_patches(images, ksizes=None, strides=None, rates=None, padding=None, sizes=None):
    """Windows of images, flat in the last axis."""
    return _here.image.extract_patches(images, ksizes or sizes, strides, rates, padding)


IMAGE = {
    name: known(f"image.{name}")
    for name in ("resize_bilinear", "resize_nearest_neighbor", "resize_images")
}
IMAGE["resize"] = IMAGE["resize_images"]


# --- optimizers ------------------------------------------------------------------------------


def _adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, **options):
    return legacy.Adam(learning_rate, beta1, beta2, epsilon)


def _rmsprop(learning_rate, decay=0.9, momentum=0.0, epsilon=1e-10, centered=False, **options):
    return legacy.RMSprop(learning_rate, decay, momentum, epsilon, centered)


def _momentum(learning_rate, momentum, use_nesterov=False, **options):
    return legacy.SGD(learning_rate, momentum, use_nesterov)


def _gradient_descent(learning_rate, **options):
    return legacy.SGD(learning_rate)


TRAIN = {
    "AdamOptimizer": _adam,
    "RMSPropOptimizer": _rmsprop,
    "MomentumOptimizer": _momentum,
    "GradientDescentOptimizer": _gradient_descent,
}
