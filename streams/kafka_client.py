"""Kafka settings as each client library takes them, and one clear line when no broker answers."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from schemas.settings import KafkaSettings
from streams.errors import BrokerUnreachable

if TYPE_CHECKING:
    from faust.auth import Credentials

#: Largest answer to one fetch over all partitions, bytes. Three fetches are in memory at a time:
#: one that is processed, one that waits, one that arrives.
_FETCH_MAX_BYTES = 16_000_000


def ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """The TLS context, or ``None`` where the protocol has no TLS.

    Raises ``OSError`` or ``ssl.SSLError`` where a named file cannot be read.
    """
    if not settings.security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(
        cafile=str(settings.ssl_cafile) if settings.ssl_cafile else None
    )
    if settings.ssl_certfile:
        context.load_cert_chain(
            str(settings.ssl_certfile), str(settings.ssl_keyfile) if settings.ssl_keyfile else None
        )
    return context


def _sasl(settings: KafkaSettings) -> dict[str, Any]:
    if not settings.security_protocol.startswith("SASL"):
        return {}
    password = settings.sasl_password
    return {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
    }


def client_kwargs(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments of every aiokafka client."""
    return {
        "bootstrap_servers": settings.bootstrap.split(","),
        "security_protocol": settings.security_protocol,
        "ssl_context": ssl_context(settings),
        **_sasl(settings),
    }


def consumer_kwargs(
    settings: KafkaSettings, group_id: str, client_id: str, max_partition_bytes: int
) -> dict[str, Any]:
    """Arguments of an aiokafka consumer in a group whose commits are ours alone.

    The range assignor gives a worker the same partition numbers of every topic, which round robin
    does not; and three workers on four partitions get 2, 1 and 1.
    """
    return {
        **client_kwargs(settings),
        "group_id": group_id,
        "client_id": client_id,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "partition_assignment_strategy": [RangePartitionAssignor],
        "session_timeout_ms": settings.session_timeout_ms,
        "heartbeat_interval_ms": settings.session_timeout_ms // 5,
        "fetch_max_wait_ms": settings.fetch_max_wait_ms,
        "fetch_max_bytes": _FETCH_MAX_BYTES,
        "max_partition_fetch_bytes": max_partition_bytes,
    }


def producer_kwargs(
    settings: KafkaSettings, client_id: str, *, linger_ms: int, max_request_bytes: int
) -> dict[str, Any]:
    """Arguments of an aiokafka producer that waits for every in-sync replica."""
    return {
        **client_kwargs(settings),
        "client_id": client_id,
        "acks": "all",
        "linger_ms": linger_ms,
        "max_request_size": max_request_bytes,
    }


def kafka_python_kwargs(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments of every kafka-python client."""
    return {
        "bootstrap_servers": settings.bootstrap.split(","),
        "security_protocol": settings.security_protocol,
        **({"ssl_context": context} if (context := ssl_context(settings)) else {}),
        **_sasl(settings),
    }


def faust_credentials(settings: KafkaSettings) -> Credentials | None:
    """Credentials for a Faust app, ``None`` for a plain connection."""
    # Imported here: the admin commands and tests of the other engine need no Faust.
    from faust.auth import SASLCredentials, SSLCredentials

    context = ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        sasl = _sasl(settings)
        return SASLCredentials(
            username=sasl["sasl_plain_username"],
            password=sasl["sasl_plain_password"],
            mechanism=sasl["sasl_mechanism"],
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None


async def check_broker(settings: KafkaSettings, timeout_s: float) -> None:
    """Return once a broker has answered.

    Raises ``BrokerUnreachable`` with one line after ``timeout_s`` at the latest.
    """
    client = AIOKafkaClient(
        **client_kwargs(settings), request_timeout_ms=max(1, round(timeout_s * 1000))
    )
    try:
        await asyncio.wait_for(client.bootstrap(), timeout_s)
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnreachable(
            f"expected a Kafka broker at {settings.bootstrap} ({settings.security_protocol}), "
            f"got {type(error).__name__} within {timeout_s:g} s; check kafka.bootstrap "
            "(SENSORIUM_KAFKA__BOOTSTRAP) and that the broker runs"
        ) from None
    finally:
        await client.close()
