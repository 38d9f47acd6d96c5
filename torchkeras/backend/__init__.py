"""`keras.backend`: the functions that Keras code computes with, over torch.

They take torch tensors, `Variable`s, arrays and symbolic tensors; on the last they are recorded
as layers are. Arrays become tensors where new weights go.
"""

# ruff: noqa: F401 - the names are the interface
from . import experimental
from .ctc import (
    ctc_batch_cost,
    ctc_decode,
    ctc_label_dense_to_sparse,
)
from .draws import (
    dropout,
    random_bernoulli,
    random_binomial,
    random_normal,
    random_normal_variable,
    random_uniform,
    random_uniform_variable,
    truncated_normal,
)
from .elementwise import (
    abs,
    clip,
    cos,
    equal,
    exp,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    maximum,
    minimum,
    not_equal,
    pow,
    round,
    sign,
    sin,
    sqrt,
    square,
)
from .loops import (
    foldl,
    foldr,
    in_test_phase,
    in_train_phase,
    map_fn,
    rnn,
    switch,
)
from .made import (
    arange,
    cast,
    cast_to_floatx,
    constant,
    eye,
    ones,
    ones_like,
    placeholder,
    variable,
    zeros,
    zeros_like,
)
from .nn import (
    batch_dot,
    batch_normalization,
    bias_add,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    dot,
    elu,
    hard_sigmoid,
    normalize_batch_in_training,
    relu,
    sigmoid,
    softmax,
    softplus,
    softsign,
    sparse_categorical_crossentropy,
    tanh,
)
from .reductions import (
    all,
    any,
    argmax,
    argmin,
    cumprod,
    cumsum,
    in_top_k,
    l2_normalize,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from .resize import (
    resize_images,
    resize_volumes,
)
from .shapes import (
    batch_flatten,
    concatenate,
    expand_dims,
    flatten,
    gather,
    one_hot,
    permute_dimensions,
    print_tensor,
    repeat,
    repeat_elements,
    reshape,
    reverse,
    spatial_2d_padding,
    spatial_3d_padding,
    squeeze,
    stack,
    stop_gradient,
    temporal_padding,
    tile,
    transpose,
)
from .state import (
    backend,
    clear_session,
    epsilon,
    floatx,
    get_uid,
    image_data_format,
    learning_phase,
    learning_phase_scope,
    manual_variable_initialization,
    name_scope,
    reset_uids,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    set_learning_phase,
)
from .symbolic import (
    function,
    gradients,
)
from .values import (
    batch_get_value,
    batch_set_value,
    count_params,
    dtype,
    eval,
    get_value,
    int_shape,
    is_keras_tensor,
    is_sparse,
    moving_average_update,
    ndim,
    set_value,
    shape,
    to_dense,
    update,
    update_add,
    update_sub,
)
from .windows import (
    conv1d,
    conv2d,
    conv2d_transpose,
    conv3d,
    depthwise_conv2d,
    local_conv1d,
    local_conv2d,
    pool2d,
    pool3d,
    separable_conv2d,
)

__all__ = ["experimental"]
__all__ += [name for name in dir() if name[0] != "_" and callable(globals()[name])]
