import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from starter.settings import Settings
from starter.temporal_server import DYNAMIC_CONFIG

PROJECT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOTS = {"migrate", "configure"}
WORKERS = {"worker", "background"}
OURS = {name: service for name, service in SERVICES.items() if service.get("command", [""])[0] == "dropwright"}
# The SDK's own variables (temporalio.envconfig).
TEMPORAL_VARIABLES = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}


def variables_of(service: dict[str, Any]) -> dict[str, Any]:
    return service.get("environment") or {}


def test_the_services_are_those_of_the_design() -> None:
    assert set(SERVICES) == {"postgres", "temporal", "temporal-ui", "migrate", "configure", "api", *WORKERS}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_is_one_that_the_code_reads(name: str) -> None:
    known = {f"DROPWRIGHT_{field.upper()}" for field in Settings.model_fields}
    used = {variable for variable in variables_of(OURS[name]) if variable.startswith("DROPWRIGHT_")}

    assert used <= known
    assert "DROPWRIGHT_DATABASE_URL" in used
    assert variables_of(OURS[name]).keys() >= TEMPORAL_VARIABLES


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_has_a_value_that_the_code_accepts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in variables_of(OURS[name]).items():
        monkeypatch.setenv(variable, str(value or ""))

    assert Settings().database_url.startswith("postgresql+psycopg2://")


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_is_one_that_the_command_line_has(name: str) -> None:
    program, *arguments = OURS[name]["command"]

    result = subprocess.run([Path(sys.executable).with_name(program), *arguments, "--help"], capture_output=True)

    assert result.returncode == 0, result.stderr.decode()


def test_the_workers_together_serve_every_queue() -> None:
    served = [SERVICES[name]["command"][1:] for name in sorted(WORKERS)]

    assert served == [["worker", "--serve", "background"], ["worker", "--serve", "orders"]]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOTS))
def test_what_runs_for_long_is_restarted_and_watched(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    if name not in WORKERS:
        assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(ONE_SHOTS))
def test_what_runs_once_is_not_restarted(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"


def test_what_a_service_waits_for_exists_and_can_be_waited_for() -> None:
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if name in ONE_SHOTS else "service_healthy"
            assert condition == {"condition": wanted}
            assert name in ONE_SHOTS or "healthcheck" in SERVICES[name]


@pytest.mark.parametrize("name", sorted(OURS))
def test_any_secret_that_a_configuration_names_reaches_every_process(name: str) -> None:
    assert OURS[name]["env_file"] == [{"path": ".env", "required": False}]


def test_the_image_has_every_package_of_the_distribution() -> None:
    packaged = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)

    assert set(packaged["only-include"]) <= set(" ".join(copied).split())


def test_no_secret_has_a_value_in_the_file() -> None:
    for service in SERVICES.values():
        for variable, value in variables_of(service).items():
            if re.search("SECRET|TOKEN|PASSWORD|PWD", variable):
                assert value is None or str(value).startswith("${")


def test_pages_are_published_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_temporal_is_configured_as_the_embedded_one() -> None:
    content = yaml.safe_load(COMPOSE["configs"]["temporal-dynamic-config"]["content"])
    embedded = dict(pair.split("=") for pair in DYNAMIC_CONFIG if pair.startswith("matching."))

    assert {key: str(entries[0]["value"]).lower() for key, entries in content.items()} == embedded
    assert variables_of(SERVICES["temporal"])["SKIP_ADD_CUSTOM_SEARCH_ATTRIBUTES"] == "true"
