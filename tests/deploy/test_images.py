"""The Dockerfile and the compose files say what they should, as their own tools read them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from yamllint import linter
from yamllint.config import YamlLintConfig

from schemas.pipeline_file import shipped_pipelines
from schemas.settings import load_settings

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
WORKERS = {f"worker-{name}": name for name in shipped_pipelines()}


def compose(*files: str) -> dict:
    """The project as `docker compose` itself understands it; this needs no container engine."""
    chosen = [part for file in files for part in ("-f", str(REPOSITORY / file))]
    command = [TOOLS / "docker-compose", *chosen, "--profile", "*", "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": ""})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def services() -> dict:
    return compose("docker-compose.yml")["services"]


def test_hadolint_finds_nothing_in_the_dockerfile():
    command = [TOOLS / "hadolint", REPOSITORY / "deploy" / "Dockerfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    "file",
    [
        "docker-compose.yml",
        *sorted(
            str(path.relative_to(REPOSITORY))
            for ending in ("*.yml", "*.yaml")
            for path in (REPOSITORY / "deploy").rglob(ending)
        ),
    ],
)
def test_yamllint_finds_nothing_in(file):
    rules = YamlLintConfig(
        "extends: default\n"
        "rules: {document-start: disable, line-length: {max: 100}, truthy: {check-keys: false}}"
    )
    problems = linter.run((REPOSITORY / file).read_text(), rules, file)
    assert [str(problem) for problem in problems] == []


def test_every_image_has_a_version(services):
    images = [service["image"] for service in services.values()]
    assert all(":" in image and not image.endswith(":latest") for image in images)


def test_any_service_can_be_scaled(services):
    assert not [name for name, service in services.items() if "container_name" in service]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert not [port for port in published if port.get("published", "0") not in ("", "0")]


def test_what_is_published_is_for_this_machine_alone(services):
    for service in services.values():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1"


@pytest.mark.parametrize(("service", "pipeline"), WORKERS.items())
def test_a_worker_starts_after_its_topics_exist(services, service, pipeline):
    worker = services[service]
    assert worker["command"] == ["worker", "--pipeline", pipeline]
    conditions = {name: on["condition"] for name, on in worker["depends_on"].items()}
    assert conditions == {
        "kafka": "service_healthy",
        "redis": "service_healthy",
        "topics": "service_completed_successfully",
    }


def test_topics_are_made_once_and_never_by_the_broker(services):
    assert services["topics"]["command"] == ["topics", "create", "--all"]
    assert services["topics"]["restart"] == "no"
    assert services["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_redis_never_evicts_and_writes_every_second(services):
    arguments = services["redis"]["command"]
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "everysec"
    assert options["--maxmemory-policy"] == "noeviction"


@pytest.mark.parametrize("service", [*WORKERS, "topics", "cli"])
def test_every_variable_is_a_setting(services, service):
    environment = services[service]["environment"]
    settings = load_settings(environ=environment)
    assert settings.kafka.bootstrap == "kafka:9092"
    assert settings.redis.url == "redis://redis:6379/0"


@pytest.mark.parametrize("service", WORKERS)
def test_the_gpu_overlay_changes_only_what_it_must(services, service):
    with_gpu = compose("docker-compose.yml", "deploy/compose.gpu.yml")["services"][service]
    (device,) = with_gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert with_gpu["build"]["target"] == "cuda"
    assert with_gpu["environment"]["SENSORIUM_WORKER__DEVICE"] == "cuda"
    changed = {key for key in with_gpu if with_gpu[key] != services[service].get(key)}
    assert changed == {"build", "deploy", "environment", "image"}


def test_every_mounted_file_exists(services):
    binds = [
        Path(volume["source"])
        for service in services.values()
        for volume in service.get("volumes", [])
        if volume["type"] == "bind"
    ]
    assert binds
    assert [path for path in binds if not path.exists()] == []


def test_prometheus_looks_for_every_worker_service(services):
    config = yaml.safe_load((REPOSITORY / "deploy/prometheus/prometheus.yml").read_text())
    (job,) = [one for one in config["scrape_configs"] if one["job_name"] == "sensorium-worker"]
    (discovery,) = job["dns_sd_configs"]
    assert set(discovery["names"]) == set(WORKERS)
    assert discovery["port"] == load_settings(environ={}).worker.web_port
