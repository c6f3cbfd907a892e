"""A wheel that brings a package of one of our names is found, and named with what to do."""

from pathlib import Path

import pytest

from adapters.collisions import OUR_NAMES, collisions, describe_collisions
from adapters.plugin import PluginError, load_plugins
from models.findings import Severity
from starter.readiness import plugin_findings
from tests.docs.reading import ROOT


@pytest.fixture
def rival(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution that brings ``models`` and ``worker.py``, as pip leaves it."""
    metadata = tmp_path / "rival-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 1.0\n")
    (metadata / "RECORD").write_text("models/__init__.py,,\nworker.py,,\nrival/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_nothing_collides_here() -> None:
    assert collisions() == ()


@pytest.mark.usefixtures("rival")
def test_no_plugin_is_loaded_beside_a_distribution_that_brings_our_packages() -> None:
    with pytest.raises(PluginError, match="distribution rival brings a top-level package models, worker") as refused:
        load_plugins("suppliers")
    assert "uninstall it" in str(refused.value)
    assert "dropwright_NAME" in str(refused.value)


@pytest.mark.usefixtures("rival")
def test_the_doctor_names_the_distribution() -> None:
    found = [finding for finding in plugin_findings(None) if finding.severity is Severity.ERROR]
    assert found
    assert all("rival" in finding.message and finding.remedy for finding in found)


def test_our_own_distribution_is_no_rival_and_packages_of_other_names_are_nobodys_business() -> None:
    brought = {"models": ["dropwright"], "starter": ["dropwright"], "dropwright_acme": ["dropwright-acme"]}
    assert list(describe_collisions(brought)) == []


def test_every_top_level_name_of_our_wheel_is_watched() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    (shipped,) = (line for line in lines if line.startswith("only-include"))
    names = {name.removesuffix(".py") for name in shipped.split('"')[1::2]}
    assert names == set(OUR_NAMES)
