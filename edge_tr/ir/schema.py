"""The part of TFLite's schema that is read and written here, by name.

Names are those of tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

import tflite

_CONV = "padding stride_h stride_w dilation_h_factor dilation_w_factor fused_activation_function"
_POOL = "padding stride_h stride_w filter_height filter_width fused_activation_function"

# Operator -> (options table, its fields).
OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    kind: (table, tuple(fields.split()))
    for kind, table, fields in (
        ("CONV_2D", "Conv2DOptions", _CONV),
        ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", _CONV + " depth_multiplier"),
        (
            "FULLY_CONNECTED",
            "FullyConnectedOptions",
            "fused_activation_function weights_format keep_num_dims",
        ),
        ("AVERAGE_POOL_2D", "Pool2DOptions", _POOL),
        ("MAX_POOL_2D", "Pool2DOptions", _POOL),
        ("ADD", "AddOptions", "fused_activation_function pot_scale_int16"),
        ("SUB", "SubOptions", "fused_activation_function pot_scale_int16"),
        ("MUL", "MulOptions", "fused_activation_function"),
        ("DIV", "DivOptions", "fused_activation_function"),
        ("LEAKY_RELU", "LeakyReluOptions", "alpha"),
        ("GELU", "GeluOptions", "approximate"),
        ("RESHAPE", "ReshapeOptions", "new_shape"),
        ("SQUEEZE", "SqueezeOptions", "squeeze_dims"),
        ("SOFTMAX", "SoftmaxOptions", "beta"),
        ("MEAN", "ReducerOptions", "keep_dims"),
        ("SUM", "ReducerOptions", "keep_dims"),
        ("REDUCE_MAX", "ReducerOptions", "keep_dims"),
        ("REDUCE_MIN", "ReducerOptions", "keep_dims"),
        ("REDUCE_PROD", "ReducerOptions", "keep_dims"),
        ("REDUCE_ANY", "ReducerOptions", "keep_dims"),
        ("REDUCE_ALL", "ReducerOptions", "keep_dims"),
        ("SHAPE", "ShapeOptions", "out_type"),
        (
            "STRIDED_SLICE",
            "StridedSliceOptions",
            "begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask offset",
        ),
        ("PACK", "PackOptions", "values_count axis"),
        ("UNPACK", "UnpackOptions", "num axis"),
        ("CONCATENATION", "ConcatenationOptions", "axis fused_activation_function"),
        ("SPLIT", "SplitOptions", "num_splits"),
        ("SPLIT_V", "SplitVOptions", "num_splits"),
        ("MIRROR_PAD", "MirrorPadOptions", "mode"),
        ("DEPTH_TO_SPACE", "DepthToSpaceOptions", "block_size"),
        ("SPACE_TO_DEPTH", "SpaceToDepthOptions", "block_size"),
        ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions", "align_corners half_pixel_centers"),
        ("RESIZE_BILINEAR", "ResizeBilinearOptions", "align_corners half_pixel_centers"),
        ("GATHER", "GatherOptions", "axis batch_dims"),
        ("ONE_HOT", "OneHotOptions", "axis"),
        ("CAST", "CastOptions", "in_data_type out_data_type"),
        ("ARG_MAX", "ArgMaxOptions", "output_type"),
        ("ARG_MIN", "ArgMinOptions", "output_type"),
        ("CUMSUM", "CumsumOptions", "exclusive reverse"),
        ("BATCH_MATMUL", "BatchMatMulOptions", "adj_x adj_y asymmetric_quantize_inputs"),
        (
            "TRANSPOSE_CONV",
            "TransposeConvOptions",
            "padding stride_h stride_w fused_activation_function quantized_bias_type",
        ),
        ("L2_NORMALIZATION", "L2NormOptions", "fused_activation_function"),
        ("L2_POOL_2D", "Pool2DOptions", _POOL),
        ("CALL_ONCE", "CallOnceOptions", "init_subgraph_index"),
        ("VAR_HANDLE", "VarHandleOptions", "container shared_name"),
        ("SVDF", "SVDFOptions", "rank fused_activation_function asymmetric_quantize_inputs"),
        (
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            "UnidirectionalSequenceLSTMOptions",
            "fused_activation_function cell_clip proj_clip time_major asymmetric_quantize_inputs",
        ),
    )
}

VECTOR_FIELDS = ("new_shape", "squeeze_dims")
TEXT_FIELDS = ("container", "shared_name")


def names(enum: type) -> dict[int, str]:
    """Number -> name of one of the schema's enums."""
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


KINDS = names(tflite.BuiltinOperator)
DTYPES = {value: name.lower() for value, name in names(tflite.TensorType).items()}
ITEM_BYTES = {"int8": 1, "uint8": 1, "bool": 1, "int16": 2, "float16": 2, "int32": 4, "float32": 4, "int64": 8}
ENUM_FIELDS = {
    "padding": names(tflite.Padding),
    "fused_activation_function": names(tflite.ActivationFunctionType),
    "mode": names(tflite.MirrorPadMode),
    **dict.fromkeys(("out_type", "output_type", "in_data_type", "out_data_type", "quantized_bias_type"), DTYPES),
}


def accessor(field: str) -> str:
    """The generated Python code's name of a field: stride_h -> StrideH."""
    return "".join(word.capitalize() for word in field.split("_"))
