"""Settings: file and variables, unknown keys refused, secrets masked."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.addresses import mask_url
from schemas.errors import SettingsError
from schemas.settings import Settings, load_settings


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sensorium.yaml"
    path.write_text("kafka: {bootstrap: 'a:1', fetch_max_wait_ms: 7}\n")
    settings = load_settings(path, {"SENSORIUM_KAFKA__BOOTSTRAP": "b:2"})
    assert (settings.kafka.bootstrap, settings.kafka.fetch_max_wait_ms) == ("b:2", 7)


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("worker: {device: cpu}\n")
    assert load_settings(environ={"SENSORIUM_CONFIG": str(path)}).worker.device == "cpu"


def test_an_unknown_variable_is_refused_by_its_name() -> None:
    with pytest.raises(SettingsError, match=r"^SENSORIUM_KAFKA__BOOTSTRP: unknown key"):
        load_settings(environ={"SENSORIUM_KAFKA__BOOTSTRP": "x:1"})


def test_an_unknown_variable_gets_the_closest_known_key_as_a_hint() -> None:
    with pytest.raises(SettingsError, match="did you mean 'bootstrap'"):
        load_settings(environ={"SENSORIUM_KAFKA__BOOTSTRP": "x:1"})


def test_an_unknown_key_is_refused_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("kafka: {servers: 'x:1'}\n")
    with pytest.raises(SettingsError, match=r"s\.yaml: kafka\.servers: unknown key"):
        load_settings(path, {})


def test_a_wrong_value_says_what_was_expected_and_what_came() -> None:
    with pytest.raises(SettingsError, match="DEVICE: expected 'cpu', 'cuda' or 'auto', got 'tpu'"):
        load_settings(environ={"SENSORIUM_WORKER__DEVICE": "tpu"})


def test_a_value_where_a_group_belongs_is_not_hidden_by_a_variable(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("kafka: 3\n")
    with pytest.raises(SettingsError, match="got 3"):
        load_settings(path, {"SENSORIUM_KAFKA__BOOTSTRAP": "b:2"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SENSORIUM_KAFKA__BOOTSTRAP", "127.0.0.1:99999"),
        ("SENSORIUM_KAFKA__BOOTSTRAP", "a:9092,b:0"),
        ("SENSORIUM_REDIS__URL", "redis://127.0.0.1:99999/0"),
        ("SENSORIUM_REDIS__URL", "redis://127.0.0.1:0/0"),
        ("SENSORIUM_REDIS__URL", "redis://127.0.0.1:abc/0"),
    ],
)
def test_a_port_that_cannot_be_is_refused(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable}: expected (a port|ports)"):
        load_settings(environ={variable: value})


@pytest.mark.parametrize(
    "value", ["", ":9092", "a", "a:", "a:x", "a :9092", "a:9092, b:9092", "a:9092,", "a:-1"]
)
def test_what_is_no_address_of_a_broker_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="BOOTSTRAP: expected host:port, or several") as failed:
        load_settings(environ={"SENSORIUM_KAFKA__BOOTSTRAP": value})
    assert str(failed.value).endswith(f", got {value!r}")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("http://cache:6379", "expected a URL that begins with redis://, .*, got http://"),
        ("cache:6379", "expected a URL that begins with redis://, .*, got another text"),
        ("redis://", "expected redis://host:port/database"),
        ("redis://cache:6379/vehicle", "expected a database by its number in the URL"),
        ("redis://a b:6379", "expected redis://host:port/database without spaces"),
        ("unix://", "expected unix:///path"),
    ],
)
def test_what_is_no_url_of_redis_says_what_one_looks_like(value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"SENSORIUM_REDIS__URL: {said}"):
        load_settings(environ={"SENSORIUM_REDIS__URL": value})


def test_sasl_needs_its_credentials() -> None:
    with pytest.raises(SettingsError, match="needs sasl_mechanism, sasl_username"):
        load_settings(environ={"SENSORIUM_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"})


def test_secrets_are_masked_wherever_settings_are_printed() -> None:
    settings = load_settings(
        environ={
            "SENSORIUM_REDIS__URL": "redis://me:hunter2@cache:6379/0",
            "SENSORIUM_REDIS__PASSWORD": "hunter3",
        }
    )
    printed = f"{settings.masked()}"
    assert "hunter" not in printed
    assert "redis://me:***@cache:6379/0" in printed


def test_a_password_in_the_query_of_the_url_is_masked() -> None:
    url = "redis://cache:6379/0?db=1&password=hunter2&username=me"
    assert mask_url(url) == "redis://cache:6379/0?db=1&password=***&username=me"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SENSORIUM_REDIS__URL", "redis://:hunter2@cache:99999/0"),
        ("SENSORIUM_REDIS__URL", "redis://cache:99999/0?password=hunter2"),
        ("SENSORIUM_REDIS__URL", "http://me:hunter2@cache:6379/0"),
        ("SENSORIUM_REDIS__URL", "me:hunter2@cache"),
        ("SENSORIUM_REDIS", "redis://:hunter2@cache:6379/0"),
        ("SENSORIUM_KAFKA", "hunter2"),
    ],
)
def test_a_refused_value_that_may_hold_a_secret_is_not_repeated(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as failed:
        load_settings(environ={variable: value})
    assert "hunter2" not in str(failed.value)


def test_a_refused_password_of_a_file_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("kafka: {sasl_password: 12345}\n")
    with pytest.raises(
        SettingsError, match="sasl_password: expected text, got a value that is not repeated"
    ):
        load_settings(path, {})


@pytest.mark.parametrize("value", ["@hunter2", "ge: hunter2", "[hunter2"])
def test_a_line_that_is_no_yaml_is_named_but_not_repeated(tmp_path: Path, value: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"log: {{level: info}}\nkafka: {{sasl_password: {value}}}\n")
    with pytest.raises(SettingsError, match=r"s\.yaml:2: expected YAML") as failed:
        load_settings(path, {})
    assert "hunter2" not in str(failed.value)


def test_a_key_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("kafka: {bootstrap: 'a:1'}\nredis: {}\nkafka: {bootstrap: 'b:2'}\n")
    with pytest.raises(SettingsError, match=r"s\.yaml:3: kafka: the key is given twice"):
        load_settings(path, {})


def test_an_empty_group_says_that_keys_were_expected(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("worker:\n")
    with pytest.raises(SettingsError, match="worker: expected keys and their values, got None"):
        load_settings(path, {})


def test_a_missing_file_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: cannot be read"):
        load_settings(Path("nowhere.yaml"), {})


def test_settings_compare_by_value() -> None:
    assert load_settings(environ={}) == Settings()
