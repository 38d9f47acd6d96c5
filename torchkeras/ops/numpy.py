"""`keras.ops.numpy`: those functions of `keras.ops` that numpy has, too."""

from . import control, elementwise, indexing, made, products, reductions, shapes

_OTHERS = set(
    "erf erfc erfinv polar rsqrt saturate_cast stop_gradient view_as_complex view_as_real "
    "logsumexp cdist logdet cast convert_to_numpy convert_to_tensor dtype is_tensor "
    "rearrange shape unstack in_top_k multi_hot one_hot scatter scatter_update segment_max "
    "segment_min segment_prod segment_sum slice slice_update top_k".split()
)
__all__ = ["vectorize"]
vectorize = control.vectorize
for _module in (elementwise, indexing, made, products, reductions, shapes):
    for _name in _module.__all__:
        if _name not in _OTHERS:
            globals()[_name] = getattr(_module, _name)
            __all__.append(_name)
