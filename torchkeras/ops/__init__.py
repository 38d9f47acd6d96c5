"""`keras.ops`: what Keras 3 computes with, as thin names over torch.

The functions take tensors, `Variable`s, arrays, numbers and symbolic tensors; on the last they
are recorded as layers are. Where names and meanings agree a table names torch's function; small
functions stand where arguments differ. Results have the dtypes that Keras 3 gives on torch.

>>> softmax([0.0, 0.0]).tolist()
[0.5, 0.5]
"""

# ruff: noqa: F403 - the names are the interface
from . import control as _control
from . import image, linalg, nn, numpy
from . import signal as _signal
from .control import *
from .elementwise import *
from .indexing import *
from .linalg import *
from .made import *
from .nn import *
from .products import *
from .reductions import *
from .shapes import *
from .signal import *

__all__ = ["image", "linalg", "nn", "numpy", *linalg.__all__, *nn.__all__, *numpy.__all__]
__all__ += [*numpy._OTHERS, *_control.__all__, *_signal.__all__]
