"""The Open Inference Protocol over HTTP, with the binary tensor extension where the server has it.

Specification: "Open Inference Protocol, REST", KServe; "Binary tensor data extension", Triton.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr

from schemas.remote import KserveRemote
from workers.backends.http import Answer, HttpServer
from workers.backends.kserve.protocol import (
    ModelMetadata,
    TensorMetadata,
    datatype,
    read_tensor,
    read_values,
    tensor_bytes,
)
from workers.errors import RemoteError

_BINARY = "binary_tensor_data"
#: Length of the JSON in front of the tensors' bytes.
_HEADER_LENGTH = "inference-header-content-length"
#: More bytes than any answer has; Python refuses to read a number of thousands of digits.
_MOST_DIGITS = 18


class _Tensor(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]


class _Metadata(msgspec.Struct):
    inputs: list[_Tensor]
    outputs: list[_Tensor]


class _Server(msgspec.Struct):
    extensions: list[str] = []


class _Output(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]
    data: Any = None
    parameters: dict[str, Any] = {}


class _Outputs(msgspec.Struct):
    outputs: list[_Output]


class HttpClient:
    """``workers.backends.kserve.protocol.Client`` over HTTP."""

    def __init__(self, rules: KserveRemote, key: SecretStr | None) -> None:
        """Raises ``ModelError`` where httpx is not installed."""
        self._http = HttpServer(rules, key)
        self._version = "" if rules.version is None else f"/versions/{quote(rules.version)}"
        #: Whether tensors are sent as bytes; ``None`` until the server was asked.
        self._binary: bool | None = None

    @property
    def name(self) -> str:
        """The server's URL."""
        return self._http.name

    def metadata(self, model: str) -> ModelMetadata:
        """See ``Client.metadata``."""
        found = self._read(self._http.get(self._path(model)), _Metadata)
        return ModelMetadata(_tensors(found.inputs), _tensors(found.outputs))

    def ready(self, model: str) -> bool:
        """See ``Client.ready``."""
        try:
            self._http.get(f"{self._path(model)}/ready")
        except RemoteError as error:
            if error.retriable:
                raise
            return False
        return True

    def infer(
        self, model: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """See ``Client.infer``."""
        if self._binary is None:
            self._binary = _BINARY in self._read(self._http.get("v2"), _Server).extensions
        body, headers = (_binary_request if self._binary else _json_request)(inputs, outputs)
        answer = self._http.post(f"{self._path(model)}/infer", body, headers)
        return self._outputs(answer)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _path(self, model: str) -> str:
        return f"v2/models/{quote(model, safe='')}{self._version}"

    def _read(self, answer: Answer, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise RemoteError(
                self.name, "answered with something else than the protocol's JSON"
            ) from None

    def _outputs(self, answer: Answer) -> dict[str, NDArray[Any]]:
        length = answer.headers.get(_HEADER_LENGTH, "")
        told_length = length.isascii() and length.isdigit() and len(length) <= _MOST_DIGITS
        at = int(length) if told_length else len(answer.body)
        told = self._read(Answer({}, answer.body[:at]), _Outputs)
        found: dict[str, NDArray[Any]] = {}
        for each in told.outputs:
            size = each.parameters.get("binary_data_size")
            if isinstance(size, int) and size >= 0:
                found[each.name] = read_tensor(
                    each.datatype, each.shape, answer.body[at : at + size]
                )
                at += size
            elif isinstance(each.data, list):
                found[each.name] = read_values(each.datatype, each.shape, _flat(each.data))
            else:
                raise ValueError(f"output {each.name!r:.80}: expected data, got none")
        return found


def _tensors(told: Sequence[_Tensor]) -> tuple[TensorMetadata, ...]:
    return tuple(TensorMetadata(each.name, each.datatype, tuple(each.shape)) for each in told)


def _flat(data: list[Any]) -> list[Any]:
    """Nested or flat, as the protocol allows for tensors in JSON; row by row."""
    while data and isinstance(data[0], list):
        if not all(isinstance(each, list) for each in data):
            raise ValueError("expected rows of one depth, got others")
        data = [value for row in data for value in row]
    return data


def _json_request(
    inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]
) -> tuple[bytes, dict[str, str]]:
    told = [
        {
            "name": name,
            "datatype": datatype(tensor),
            "shape": list(tensor.shape),
            "data": np.ravel(tensor).tolist(),
        }
        for name, tensor in inputs.items()
    ]
    body = {"inputs": told, "outputs": [{"name": name} for name in outputs]}
    return json.dumps(body).encode(), {"content-type": "application/json"}


def _binary_request(
    inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]
) -> tuple[bytes, dict[str, str]]:
    blobs = [tensor_bytes(tensor) for tensor in inputs.values()]
    told = [
        {
            "name": name,
            "datatype": datatype(tensor),
            "shape": list(tensor.shape),
            "parameters": {"binary_data_size": len(blob)},
        }
        for (name, tensor), blob in zip(inputs.items(), blobs, strict=True)
    ]
    wanted = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    head = json.dumps({"inputs": told, "outputs": wanted}).encode()
    headers = {"content-type": "application/octet-stream", _HEADER_LENGTH: str(len(head))}
    return b"".join([head, *blobs]), headers
