"""Layers that saved models of tf.keras 2.0 to 2.3 hold for nodes of a TensorFlow graph."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from ..layer import TABLE
from ..precision import torch_dtype
from .operations import Operation
from .tf_table import FUNCTIONS, known_name


@TABLE.add()
class TensorFlowOpLayer(Operation):
    """A node of a TensorFlow graph, as files of tf.keras 2.0 to 2.3 have it.

    `node_def` is the node as a dictionary or its JSON text, `constants` the inputs that are not
    tensors of the model, by their number.
    """

    serialized_as = ("keras.src.engine.base_layer", "TensorFlowOpLayer")

    def __init__(
        self,
        node_def: Any,
        name: str,
        constants: Any = None,
        trainable: bool = True,
        dtype: Any = None,
    ):
        super().__init__("tf_op_layer_" + name, trainable, dtype)
        self.node_def = json.loads(node_def) if isinstance(node_def, str) else node_def
        self.constants = {int(number): value for number, value in (constants or {}).items()}
        kind = self.node_def.get("op")
        if kind not in _NODES:
            raise ValueError(
                f'Layer "{self.name}" is the TensorFlow operation {kind!r}, which is not among '
                f"those that torchkeras computes: {', '.join(_NODES)}."
            )
        attributes = self.node_def.get("attr", {})
        self._settings = {key: _attribute(value) for key, value in attributes.items()}
        self._inserted = dict(sorted(self.constants.items()))
        if kind in _ON_TENSORS:
            dtype = torch_dtype(self._settings.get("T", "float32"))
            for number, value in self._inserted.items():
                if isinstance(value, list):
                    self._inserted[number] = self._buffered(value, dtype)

    def _sizes(self):
        return list(self.constants.values())

    def compute(self, inputs):
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        for number, value in self._inserted.items():
            given.insert(number, self._given(value))
        return _NODES[self.node_def["op"]](given, self._settings)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name.removeprefix("tf_op_layer_"),
            "trainable": self.trainable,
            "dtype": self._policy_config(),
            "node_def": self.node_def,
            "constants": dict(self.constants),
        }


def _attribute(value):
    """An attribute of a node, `{"i": "1"}` or `{"type": "DT_FLOAT"}`, as a plain value."""
    ((kind, inner),) = value.items()
    if kind == "type":
        name = inner.removeprefix("DT_").lower()
        return {"float": "float32", "double": "float64", "half": "float16"}.get(name, name)
    if kind == "list":
        return [int(number) for number in inner.get("i", ())]
    return int(inner) if kind == "i" else inner


def _plainly(name):
    """A node whose inputs are the arguments of a function."""
    function = FUNCTIONS[known_name(name)]
    return lambda given, attr: function(*given)


def _reduced(name):
    function = FUNCTIONS[known_name(name)]
    return lambda given, attr: function(given[0], given[1], attr.get("keep_dims", False))


def _strided_slice(given, attr):
    """`StridedSlice`: begin, end and stride of each axis, and bits that override them."""
    tensor, begin, end, strides = given
    spec = []
    for number, (start, stop, step) in enumerate(zip(begin, end, strides, strict=True)):
        has = lambda mask: bool(int(attr.get(mask, 0)) >> number & 1)  # noqa: B023, E731
        if has("ellipsis_mask"):
            spec.append({"class_name": "__ellipsis__"})
        elif has("new_axis_mask"):
            spec.append(None)
        elif has("shrink_axis_mask"):
            spec.append(start)
        else:
            start = None if has("begin_mask") else start
            stop = None if has("end_mask") else stop
            spec.append({"start": start, "stop": stop, "step": step})
    return FUNCTIONS["getitem"](tensor, spec)


def _matmul(given, attr):
    either = lambda *keys: any(attr.get(key, False) for key in keys)  # noqa: E731
    turned = {"transpose_a": either("transpose_a", "adj_x")}
    return FUNCTIONS["matmul"](*given, **turned, transpose_b=either("transpose_b", "adj_y"))


def _running(name):
    """A sum or product of all before, whose two settings are attributes."""
    function = FUNCTIONS[name]
    return lambda given, attr: function(
        *given, attr.get("exclusive", False), attr.get("reverse", False)
    )


def _in_blocks(name):
    function = FUNCTIONS[name]
    return lambda given, attr: function(given[0], attr["block_size"], _text(attr["data_format"]))


def _moving(name):
    """A window that moves over images: a convolution, or a pool, whose window is an attribute."""
    function = FUNCTIONS[name]

    def compute(given, attr):
        window = [attr["ksize"]] if "ksize" in attr else []
        settings = {"data_format": _text(attr.get("data_format", "TkhXQw=="))}  # NHWC
        if "dilations" in attr:
            settings["dilations"] = attr["dilations"]
        return function(*given, *window, attr["strides"], _text(attr["padding"]), **settings)

    return compute


def _text(value):
    """A text among the attributes, which the JSON of a node has in base64."""
    return base64.b64decode(value).decode("ascii", "replace")


_ON_ONE = (
    "Abs Square Sqrt Rsqrt Exp Expm1 Log Log1p Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh "
    "Acosh Atanh Sigmoid Relu Relu6 Elu Selu Softplus Softsign Neg Sign Floor Ceil Round Rint Erf "
    "Erfc Lgamma Digamma Reciprocal Softmax Identity"
).split()
_ON_TWO = {
    "Add": "add",
    "AddV2": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "RealDiv": "truediv",
    "Div": "truediv",
    "FloorDiv": "floor_div",
    "FloorMod": "floormod",
    "Pow": "pow",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "SquaredDifference": "squared_difference",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "BiasAdd": "bias_add",
    "Select": "where",
    "SelectV2": "where",
    "Equal": "equal",
    "NotEqual": "not_equal",
    "Atan2": "atan2",
    "DivNoNan": "divide_no_nan",
    "MulNoNan": "multiply_no_nan",
    "Xdivy": "xdivy",
    "Xlogy": "xlogy",
}
_ALIKE = {  # nodes whose inputs, in their order, are the arguments of a function
    "Reshape": "reshape",
    "Transpose": "transpose",
    "Tile": "tile",
    "BroadcastTo": "broadcast_to",
    "ZerosLike": "zeros_like",
    "OnesLike": "ones_like",
    "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or",
    "LogicalNot": "logical_not",
    "IsNan": "is_nan",
    "IsInf": "is_inf",
    "IsFinite": "is_finite",
    "LogSoftmax": "log_softmax",
    "StopGradient": "stop_gradient",
    "ExpandDims": "expand_dims",
    "ClipByValue": "clip_by_value",
    "Slice": "slice",
    "GatherNd": "gather_nd",
    "Gather": "gather",
    "ReverseV2": "reverse",
    "L2Loss": "l2_loss",
    "AdjustContrastv2": "adjust_contrast",
    "RGBToHSV": "rgb_to_hsv",
    "HSVToRGB": "hsv_to_rgb",
}
_ON_TENSORS = (*_ON_TWO, "MatMul", "BatchMatMul", "BatchMatMulV2", "Einsum", "Conv2D")

_NODES: dict[str, Callable] = {
    **{kind: _plainly(kind.lower()) for kind in _ON_ONE},
    **{kind: _plainly(name) for kind, name in {**_ON_TWO, **_ALIKE}.items()},
    "AddN": lambda given, attr: FUNCTIONS["add_n"](given),
    "Mean": _reduced("reduce_mean"),
    "Sum": _reduced("reduce_sum"),
    "Max": _reduced("reduce_max"),
    "Min": _reduced("reduce_min"),
    "Prod": _reduced("reduce_prod"),
    "Any": _reduced("reduce_any"),
    "All": _reduced("reduce_all"),
    "ConcatV2": lambda given, attr: FUNCTIONS["concat"](given[:-1], given[-1]),
    "Pack": lambda given, attr: FUNCTIONS["stack"](given, attr.get("axis", 0)),
    "Unpack": lambda given, attr: FUNCTIONS["unstack"](given[0], None, attr.get("axis", 0)),
    "Split": lambda given, attr: FUNCTIONS["split"](given[1], attr["num_split"], given[0]),
    "SplitV": lambda given, attr: FUNCTIONS["split"](given[0], given[1], given[2]),
    "Squeeze": lambda given, attr: FUNCTIONS["squeeze"](given[0], attr.get("squeeze_dims") or None),
    "Cast": lambda given, attr: FUNCTIONS["cast"](given[0], attr["DstT"]),
    "MatMul": _matmul,
    "BatchMatMul": _matmul,
    "BatchMatMulV2": _matmul,
    "StridedSlice": _strided_slice,
    "GatherV2": lambda given, attr: FUNCTIONS["gather"](given[0], given[1], axis=given[2]),
    "ArgMax": lambda given, attr: FUNCTIONS["argmax"](given[0], given[1]),
    "ArgMin": lambda given, attr: FUNCTIONS["argmin"](given[0], given[1]),
    "Shape": lambda given, attr: FUNCTIONS["shape"](given[0]),
    "Size": lambda given, attr: FUNCTIONS["size"](given[0]),
    "TopKV2": lambda given, attr: FUNCTIONS["top_k"](given[0], given[1]),
    "OneHot": lambda given, attr: FUNCTIONS["one_hot"](*given, attr.get("axis", -1)),
    "Cumsum": _running("cumsum"),
    "Cumprod": _running("cumprod"),
    "Einsum": lambda given, attr: FUNCTIONS["einsum"](_text(attr["equation"]), *given),
    "Pad": lambda given, attr: FUNCTIONS["pad"](given[0], given[1]),
    "PadV2": lambda given, attr: FUNCTIONS["pad"](given[0], given[1], "CONSTANT", given[2]),
    "MirrorPad": lambda given, attr: FUNCTIONS["pad"](given[0], given[1], _text(attr["mode"])),
    "DepthToSpace": _in_blocks("depth_to_space"),
    "SpaceToDepth": _in_blocks("space_to_depth"),
    "Conv2D": _moving("conv2d"),
    "MaxPool": _moving("max_pool"),
    "AvgPool": _moving("avg_pool"),
    "LeakyRelu": lambda given, attr: FUNCTIONS["leaky_relu"](given[0], attr.get("alpha", 0.2)),
    "ResizeBilinear": lambda given, attr: FUNCTIONS["resize_bilinear"](
        *given, attr.get("align_corners", False), attr.get("half_pixel_centers", False)
    ),
    "ResizeNearestNeighbor": lambda given, attr: FUNCTIONS["resize_nearest_neighbor"](
        *given, attr.get("align_corners", False), attr.get("half_pixel_centers", False)
    ),
}
