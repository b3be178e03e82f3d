"""Ask a server who it is, on its own wire protocol.

A port that accepts connections proves little: between the choice of a free port and its use,
another server may take it, and then *that* one answers. (A second tansu on a taken port says
"ready" in its log and ends with status 0.) So each probe returns an identity, which the launcher
compares with the child that it started.

A probe raises OSError for as long as the server does not answer as expected.
"""

from __future__ import annotations

import socket
import struct

#: Seconds for one connection and each of its replies. The servers are on the loopback and answer
#: in about a millisecond; a machine under full load may need a scheduling slice or two more.
PROBE_TIMEOUT_S = 1.0

LOOPBACK = "127.0.0.1"

_API_METADATA = 3
_API_VERSIONS = 18
_CORRELATION_ID = 1


def kafka_cluster_id(port: int) -> str:
    """Return the id of the Kafka cluster behind a loopback port.

    Asks ApiVersions and then Metadata, as every client does first, and requires that the broker
    advertises exactly the address that was asked: clients connect to what is advertised.
    """
    with socket.create_connection((LOOPBACK, port), PROBE_TIMEOUT_S) as connection:
        versions = _kafka_call(connection, _API_VERSIONS, version=0, body=b"")
        (error_code,) = versions.unpack(">h")
        if error_code != 0:
            raise ConnectionError(f"ApiVersions was answered with error code {error_code}")
        # Version 2 is the oldest with a cluster id; an empty list asks for no topic.
        metadata = _kafka_call(connection, _API_METADATA, version=2, body=struct.pack(">i", 0))
    (broker_count,) = metadata.unpack(">i")
    advertised = []
    for _ in range(broker_count):
        metadata.unpack(">i")  # node id
        host = metadata.string()
        (broker_port,) = metadata.unpack(">i")
        metadata.string()  # rack
        advertised.append((host, broker_port))
    if advertised != [(LOOPBACK, port)]:
        raise ConnectionError(f"the broker advertises {advertised}, not {LOOPBACK}:{port}")
    return metadata.string() or ""


def redis_process_id(port: int) -> int:
    """Return the process id of the Redis server behind a loopback port, after a PING."""
    with socket.create_connection((LOOPBACK, port), PROBE_TIMEOUT_S) as connection:
        stream = connection.makefile("rwb")
        stream.write(b"PING\r\nINFO server\r\n")
        stream.flush()
        pong = stream.readline()
        # Anything else is an error reply, such as -LOADING while an append-only file is read.
        if pong != b"+PONG\r\n":
            raise ConnectionError(f"PING was answered with {pong[:80]!r}")
        header = stream.readline()
        if not header.startswith(b"$"):
            raise ConnectionError(f"INFO was answered with {header[:80]!r}")
        for line in stream.read(int(header[1:])).splitlines():
            name, _, value = line.partition(b":")
            if name == b"process_id":
                return int(value)
    raise ConnectionError("INFO server names no process_id")


class _Reply:
    """The body of one Kafka response, read from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def unpack(self, layout: str) -> tuple[int, ...]:
        try:
            values = struct.unpack_from(layout, self._data, self._at)
        except struct.error as error:
            raise ConnectionError(f"the broker's reply is too short: {error}") from error
        self._at += struct.calcsize(layout)
        return values

    def string(self) -> str | None:
        (length,) = self.unpack(">h")
        if length < 0:
            return None
        text = self._data[self._at : self._at + length].decode(errors="replace")
        self._at += length
        return text


def _kafka_call(connection: socket.socket, api_key: int, *, version: int, body: bytes) -> _Reply:
    no_client_id = -1
    request = struct.pack(">hhih", api_key, version, _CORRELATION_ID, no_client_id) + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", _receive(connection, 4))
    reply = _Reply(_receive(connection, size))
    (correlation_id,) = reply.unpack(">i")
    if correlation_id != _CORRELATION_ID:
        raise ConnectionError(f"the reply is to request {correlation_id}, not {_CORRELATION_ID}")
    return reply


def _receive(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError(f"the connection ended after {len(data)} of {size} bytes")
        data += part
    return bytes(data)
