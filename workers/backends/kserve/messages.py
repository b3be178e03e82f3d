"""The messages of the Open Inference Protocol over gRPC that are used here.

Written from the published protocol (package ``inference``, service ``GRPCInferenceService``) as
descriptors that protobuf makes classes of: no generated code, whose version would have to follow
that of protobuf, and a pool of its own, so that another client in the same process keeps its
messages. Fields that are not used are left out; protobuf skips them.
"""

from __future__ import annotations

from typing import Any

from workers.backends.extras import require

#: Message -> (field, number, type); a trailing ``*`` is a repeated field, a name a message.
_MESSAGES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "ModelReadyRequest": (("name", 1, "string"), ("version", 2, "string")),
    "ModelReadyResponse": (("ready", 1, "bool"),),
    "ModelMetadataRequest": (("name", 1, "string"), ("version", 2, "string")),
    "TensorMetadata": (("name", 1, "string"), ("datatype", 2, "string"), ("shape", 3, "int64*")),
    "ModelMetadataResponse": (
        ("name", 1, "string"),
        ("inputs", 4, "TensorMetadata*"),
        ("outputs", 5, "TensorMetadata*"),
    ),
    "InferTensorContents": (
        ("bool_contents", 1, "bool*"),
        ("int64_contents", 3, "int64*"),
        ("uint_contents", 4, "uint32*"),
        ("fp32_contents", 6, "float*"),
    ),
    "InferTensor": (
        ("name", 1, "string"),
        ("datatype", 2, "string"),
        ("shape", 3, "int64*"),
        ("contents", 5, "InferTensorContents"),
    ),
    "InferRequestedOutputTensor": (("name", 1, "string"),),
    "ModelInferRequest": (
        ("model_name", 1, "string"),
        ("model_version", 2, "string"),
        ("inputs", 5, "InferTensor*"),
        ("outputs", 6, "InferRequestedOutputTensor*"),
        ("raw_input_contents", 7, "bytes*"),
    ),
    "ModelInferResponse": (
        ("model_name", 1, "string"),
        ("outputs", 5, "InferTensor*"),
        ("raw_output_contents", 6, "bytes*"),
    ),
}
SERVICE = "inference.GRPCInferenceService"


def message_classes() -> dict[str, Any]:
    """Message -> class. Raises ``ModelError`` where protobuf is not installed."""
    descriptor_pb2: Any = require("google.protobuf.descriptor_pb2", "remote")
    descriptor_pool: Any = require("google.protobuf.descriptor_pool", "remote")
    message_factory: Any = require("google.protobuf.message_factory", "remote")
    file = descriptor_pb2.FileDescriptorProto(
        name="open_inference.proto", package="inference", syntax="proto3"
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            plain = kind.removesuffix("*")
            added = message.field.add(name=field, number=number)
            added.label = kinds.LABEL_REPEATED if kind != plain else kinds.LABEL_OPTIONAL
            if plain in _MESSAGES:
                added.type = kinds.TYPE_MESSAGE
                added.type_name = f".inference.{plain}"
            else:
                added.type = kinds.Type.Value(f"TYPE_{plain.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"inference.{name}"))
        for name in _MESSAGES
    }
