"""The `tensorflow` of a script in the shim: torch's tensors and functions under TensorFlow's names.

Everything runs at once. What is missing raises AttributeError; nothing is pretended. Files by
topic: `calls` (how a function is adapted), `arrays`, `math`, `nn`, `linalg`, `random`, `image`,
`texts`, `control`, `places`, `checks`, `train`, `gathered`, `dtypes`.
"""

from __future__ import annotations

from contextlib import nullcontext as _nullcontext

import torch as _torch

import torchkeras as keras

from ...graph import KerasTensor as _KerasTensor
from .. import finder as _finder
from ..tape import GradientTape, custom_gradient  # noqa: F401
from . import arrays as _arrays
from . import audio as _audio
from . import boxes as _boxes  # noqa: F401 - it enters its functions in those of images
from . import calls as _calls
from . import checks as _checks
from . import control as _control
from . import dtypes as _dtypes
from . import gathered as _gathered
from . import image as _image
from . import linalg as _linalg
from . import lookup as _lookup
from . import math as _math
from . import nn as _nn
from . import places as _places
from . import random as _random
from . import sparse as _sparse
from . import texts as _texts
from . import train as _train

__version__ = _finder.VERSIONS["tensorflow"]

Tensor = _torch.Tensor
EagerTensor = _torch.Tensor
newaxis = None
string = _dtypes.string
as_dtype = _dtypes.as_dtype


def _names(module):
    own = module.__dict__.items()
    return {
        k: v for k, v in own if k[0] != "_" and getattr(v, "__module__", None) == module.__name__
    }


_space = _calls.Namespace
_top = {
    **_dtypes.NUMBERS,
    **_dtypes.ALIASES,
    **_math.top(),
    **_gathered.INITIALIZERS,
    **_gathered.KERAS,
    **{k: v for k, v in _names(_arrays).items()},
    **{k: v for k, v in _names(_control).items()},
    **{name: _calls.known(name) for name in
       "concat stack unstack transpose expand_dims squeeze reverse identity stop_gradient "
       "zeros_like ones_like clip_by_value norm".split()},
    **{name: getattr(_gathered, name) for name in
       "TensorShape UnconnectedGradients RaggedTensor IndexedSlices TensorArray Graph Operation "
       "VariableAggregation VariableSynchronization data nest estimator ragged".split()},
    **{name: getattr(_sparse, name) for name in "SparseTensor sparse edit_distance".split()},
    **{name: getattr(_places, name) for name in
       "config distribute device test sysconfig timestamp get_logger".split()},
}  # fmt: skip
globals().update(_top)
fill, zeros, ones, broadcast_to = _arrays.fill, _arrays.zeros, _arrays.ones, _arrays.broadcast_to
for _name in (
    "linspace gather gather_nd scatter_nd tensor_scatter_nd_update tensor_scatter_nd_add "
    "tensor_scatter_nd_sub tensor_scatter_nd_max tensor_scatter_nd_min boolean_mask split sort "
    "argsort searchsorted roll repeat dynamic_partition pad one_hot clip_by_norm"
).split():
    globals()[_name] = getattr(_arrays, _name)
for _name in (
    "concat stack unstack transpose reverse identity split repeat boolean_mask broadcast_to where"
).split():
    globals()[_name] = _texts.moving(globals()[_name])
range = _arrays._range
Module = _train.Module
matmul = _linalg.LINALG["matmul"]
tensordot = _linalg.LINALG["tensordot"]
einsum = _linalg.einsum
linalg = _space("linalg", **_linalg.LINALG)
signal = _space("signal", **_linalg.SIGNAL)
math = _space("math", **_math.members())
math.__dict__.update(
    confusion_matrix=_math.FUNCTIONS["confusion_matrix"],
    argmax=_math.FUNCTIONS["argmax"],
    special=_space("math.special", **{k: _math.FUNCTIONS[k] for k in ("bessel_i0", "bessel_i1")}),
)
nn = _space("nn", **_nn.MEMBERS)
nn.__dict__.update(moments=_nn.MEMBERS["moments"])
image = _space("image", **_image.MEMBERS)
strings = _space("strings", **_texts.STRINGS)
io = _space("io", **_texts.IO)
audio = _audio.AUDIO
random = _space("random", **_names(_random))
random.experimental = _space("random.experimental", Generator=_random.Generator,
                             stateless_shuffle=_random.shuffle)  # fmt: skip
debugging = _space("debugging", **_checks.MEMBERS)
errors = _checks.errors
train = _space("train", **_train.TRAIN)
saved_model = _train.saved_model
summary = _train.summary
make_tensor_proto = _train.make_tensor_proto
dtypes = _space("dtypes", **_dtypes.NUMBERS, as_dtype=as_dtype, cast=_arrays.cast, string=string,
                DType=_torch.dtype, complex=_math.FUNCTIONS["complex_"])  # fmt: skip
sets = _space("sets")
bitwise = _space(
    "bitwise",
    bitwise_and=_math._two("bitwise_and", _torch.bitwise_and),
    bitwise_or=_math._two("bitwise_or", _torch.bitwise_or),
    bitwise_xor=_math._two("bitwise_xor", _torch.bitwise_xor),
    left_shift=_math._two("left_shift", _torch.bitwise_left_shift),
    right_shift=_math._two("right_shift", _torch.bitwise_right_shift),
)
types = _space("types", experimental=_space("types.experimental", TensorLike=object))
autograph = _space(
    "autograph",
    experimental=_space("autograph.experimental",
                        do_not_convert=lambda func=None, **_: func or (lambda f: f),
                        set_loop_options=lambda **_: None),
    set_verbosity=lambda *args, **kwargs: None,
    to_graph=lambda entity, **_: entity,
)  # fmt: skip
experimental = _space("experimental")
feature_column = _space("feature_column")
lookup = _lookup.lookup
quantization = _space("quantization")
version = _space("version", VERSION=__version__, GIT_VERSION=f"v{__version__}", COMPILER_VERSION="")
DType = _torch.dtype
TensorSpec = keras.data.TensorSpec
assert_equal = _checks.MEMBERS["assert_equal"]
assert_less = _checks.MEMBERS["assert_less"]
assert_greater = _checks.MEMBERS["assert_greater"]
assert_rank = _checks.assert_rank
Assert = _checks.Assert
eigvals, eig, eigh = linalg.eigvals, linalg.eig, linalg.eigh
as_string = _texts.as_string
bool = _torch.bool


def gradients(*args, **kwargs):
    """Refused: graphs are gone."""
    raise RuntimeError(
        "tf.gradients is not supported when code runs eagerly. Use tf.GradientTape instead."
    )


def name_scope(name):
    """A block; names of weights are those of layers."""
    return keras.backend.name_scope(name) if isinstance(name, str) else _nullcontext()


def executing_eagerly():
    """True: everything runs at once."""
    return True


def get_static_value(tensor, partial=False):
    """The value of a tensor as numpy has it, None of a symbolic one."""
    return None if isinstance(tensor, _KerasTensor) else _calls.tensor(tensor).numpy()


def broadcast_static_shape(shape_x, shape_y):
    """The shape that two shapes broadcast to."""
    return _gathered.TensorShape(_torch.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


def broadcast_dynamic_shape(shape_x, shape_y):
    """The same of shapes that are tensors."""
    found = _torch.broadcast_shapes(*(tuple(_calls.shape_of(s)) for s in (shape_x, shape_y)))
    return _torch.tensor(found, dtype=_torch.int32)


def init_scope():
    """A block that changes nothing."""
    return _nullcontext()


control_dependencies = lambda inputs: _nullcontext()  # noqa: E731
no_gradient = lambda *args: None  # noqa: E731


def RegisterGradient(op_type):
    """Decorator that changes nothing: gradients come from autograd, not from a register."""
    return lambda function: function


from .compat import compat, logging  # noqa: E402, F401 - it is made of the names above


def __getattr__(name):
    if name == "python":  # made when it is asked for: few scripts do
        from .internal import python

        globals()["python"] = python
        return python
    return _calls.early("tensorflow", name)
