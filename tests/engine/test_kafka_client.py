from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.settings import KafkaSettings
from streams.errors import BrokerUnreachable
from streams.kafka_client import (
    check_broker,
    client_kwargs,
    consumer_kwargs,
    faust_credentials,
    kafka_python_kwargs,
)

SASL = KafkaSettings(
    bootstrap="a:1,b:2",
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-256",
    sasl_username="me",
    sasl_password=SecretStr("hush"),
)
SASL_TLS = SASL.model_copy(update={"security_protocol": "SASL_SSL"})
TLS = KafkaSettings(security_protocol="SSL")


@pytest.mark.parametrize("kwargs", [client_kwargs, kafka_python_kwargs])
def test_user_and_password_reach_both_clients(kwargs: object) -> None:
    given = kwargs(SASL)  # type: ignore[operator]
    assert (given["sasl_plain_username"], given["sasl_plain_password"]) == ("me", "hush")
    assert given["sasl_mechanism"] == "SCRAM-SHA-256"


@pytest.mark.parametrize("kwargs", [client_kwargs, kafka_python_kwargs])
def test_every_bootstrap_address_reaches_both_clients(kwargs: object) -> None:
    assert kwargs(SASL)["bootstrap_servers"] == ["a:1", "b:2"]  # type: ignore[operator]


@pytest.mark.parametrize("settings", [TLS, SASL_TLS])
@pytest.mark.parametrize("kwargs", [client_kwargs, kafka_python_kwargs])
def test_a_tls_protocol_verifies_the_brokers_certificate(
    kwargs: object, settings: KafkaSettings
) -> None:
    context = kwargs(settings)["ssl_context"]  # type: ignore[operator]
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"


def test_a_plain_protocol_has_no_tls_context() -> None:
    assert client_kwargs(KafkaSettings())["ssl_context"] is None


def test_a_missing_ca_file_is_an_error_before_any_connection(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        client_kwargs(TLS.model_copy(update={"ssl_cafile": tmp_path / "none.pem"}))


def test_faust_has_no_credentials_for_a_plain_connection() -> None:
    assert faust_credentials(KafkaSettings()) is None


def test_faust_has_the_same_sasl_credentials() -> None:
    given = faust_credentials(SASL_TLS)
    assert given is not None
    assert (given.protocol.value, given.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-256")
    assert (given.username, given.password) == ("me", "hush")


def test_faust_has_a_tls_context_without_sasl() -> None:
    given = faust_credentials(TLS)
    assert given is not None
    assert given.protocol.value == "SSL"


def test_credentials_print_no_password() -> None:
    assert "hush" not in repr(faust_credentials(SASL_TLS)) + repr(SASL)


def test_the_group_never_commits_by_itself() -> None:
    assert consumer_kwargs(KafkaSettings(), "g", "c", 1000)["enable_auto_commit"] is False


def test_the_fetch_wait_is_the_configured_one() -> None:
    settings = KafkaSettings(fetch_max_wait_ms=77)
    assert consumer_kwargs(settings, "g", "c", 1000)["fetch_max_wait_ms"] == 77


def test_the_heartbeat_is_below_a_third_of_the_session() -> None:
    given = consumer_kwargs(KafkaSettings(session_timeout_ms=6000), "g", "c", 1000)
    assert given["heartbeat_interval_ms"] * 3 < given["session_timeout_ms"]


async def test_a_broker_that_answers_passes_the_check(kafka: KafkaSettings) -> None:
    await check_broker(kafka, 10)


async def test_a_broker_that_is_away_is_one_clear_line() -> None:
    with pytest.raises(BrokerUnreachable) as error:
        await check_broker(KafkaSettings(bootstrap="127.0.0.1:1"), 1)
    assert "127.0.0.1:1" in str(error.value)
    assert "\n" not in str(error.value)


async def test_the_check_takes_no_longer_than_it_may() -> None:
    before = time.monotonic()
    with pytest.raises(BrokerUnreachable):
        await check_broker(KafkaSettings(bootstrap="127.0.0.1:1"), 1)
    assert time.monotonic() - before < 3
