"""The Open Inference Protocol over gRPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from numpy.typing import NDArray
from pydantic import SecretStr

from schemas.remote import KserveRemote
from workers.backends.extras import require
from workers.backends.kserve.messages import SERVICE, message_classes
from workers.backends.kserve.protocol import (
    ModelMetadata,
    TensorMetadata,
    datatype,
    read_tensor,
    read_values,
    tensor_bytes,
)
from workers.errors import RemoteError, RequestRefused

#: One call holds at most 16 MB of tensors; a single row may be larger.
_MAX_MESSAGE_BYTES = 64_000_000
#: Longest pause between two tries to connect; the breaker decides whether anybody waits for it.
_MAX_RECONNECT_MS = 2_000
_PASSING = (
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "ABORTED",
    "CANCELLED",
    "INTERNAL",
    "UNKNOWN",
    "DATA_LOSS",
)
_REFUSED = ("INVALID_ARGUMENT", "OUT_OF_RANGE", "FAILED_PRECONDITION")
#: Types that a server may give as values instead of bytes -> the field they are in.
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "FP32": "fp32_contents",
}


class GrpcClient:
    """``workers.backends.kserve.protocol.Client`` over gRPC."""

    def __init__(self, rules: KserveRemote, key: SecretStr | None) -> None:
        """Raises ``ModelError`` where grpcio or protobuf is not installed."""
        self._grpc: Any = require("grpc", "remote")
        self._messages = message_classes()
        self.name = rules.url
        self._version = rules.version or ""
        self._timeout_s = rules.timeout.total_seconds()
        self._metadata = (
            () if key is None else (("authorization", f"Bearer {key.get_secret_value()}"),)
        )
        parts = urlsplit(rules.url)
        port = parts.port or (443 if parts.scheme == "grpcs" else 8001)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        target = f"{host}:{port}"
        options = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_reconnect_backoff_ms", _MAX_RECONNECT_MS),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            # What a machine's proxy variables say must not decide where samples go.
            ("grpc.enable_http_proxy", 0),
        ]
        self._channel = (
            self._grpc.secure_channel(target, self._grpc.ssl_channel_credentials(), options)
            if parts.scheme == "grpcs"
            else self._grpc.insecure_channel(target, options)
        )
        self._methods = {
            method: self._channel.unary_unary(
                f"/{SERVICE}/{method}",
                request_serializer=self._messages[f"{method}Request"].SerializeToString,
                response_deserializer=self._messages[f"{method}Response"].FromString,
            )
            for method in ("ModelReady", "ModelMetadata", "ModelInfer")
        }

    def metadata(self, model: str) -> ModelMetadata:
        """See ``Client.metadata``."""
        found = self._call("ModelMetadata", name=model, version=self._version)
        return ModelMetadata(_tensors(found.inputs), _tensors(found.outputs))

    def ready(self, model: str) -> bool:
        """See ``Client.ready``."""
        try:
            return bool(self._call("ModelReady", name=model, version=self._version).ready)
        except RemoteError as error:
            if error.retriable:
                raise
            return False

    def infer(
        self, model: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """See ``Client.infer``."""
        tensor = self._messages["InferTensor"]
        wanted = self._messages["InferRequestedOutputTensor"]
        answer = self._call(
            "ModelInfer",
            model_name=model,
            model_version=self._version,
            inputs=[
                tensor(name=name, datatype=datatype(values), shape=values.shape)
                for name, values in inputs.items()
            ],
            outputs=[wanted(name=name) for name in outputs],
            raw_input_contents=[tensor_bytes(values) for values in inputs.values()],
        )
        raw = answer.raw_output_contents
        if raw and len(raw) != len(answer.outputs):
            raise ValueError(f"expected {len(answer.outputs)} outputs' bytes, got {len(raw)}")
        return {
            each.name: read_tensor(each.datatype, each.shape, raw[place])
            if raw
            else read_values(each.datatype, each.shape, _contents(each))
            for place, each in enumerate(answer.outputs)
        }

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _call(self, method: str, **fields: Any) -> Any:
        request = self._messages[f"{method}Request"](**fields)
        try:
            return self._methods[method](request, timeout=self._timeout_s, metadata=self._metadata)
        except self._grpc.RpcError as error:
            raise self._translated(error.code().name) from None

    def _translated(self, code: str) -> RemoteError:
        if code == "DEADLINE_EXCEEDED":
            return RemoteError(self.name, f"no answer within {self._timeout_s:g} s")
        if code in _PASSING:
            return RemoteError(self.name, f"answered with {code}")
        if code in _REFUSED:
            return RequestRefused(self.name, f"refused the request with {code}")
        return RemoteError(
            self.name,
            f"answered with {code}; check its URL, the model's name and the key",
            retriable=False,
        )


def _tensors(told: Any) -> tuple[TensorMetadata, ...]:
    return tuple(TensorMetadata(each.name, each.datatype, tuple(each.shape)) for each in told)


def _contents(tensor: Any) -> Sequence[Any]:
    field = _CONTENTS.get(tensor.datatype)
    values: Sequence[Any] = () if field is None else getattr(tensor.contents, field)
    return values
