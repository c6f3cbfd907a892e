"""Adapters register by entry points, a third party's as ours; what can't be used is refused by its distribution's name."""

from pathlib import Path

import pytest

from adapters import plugin
from adapters.plugin import PLUGIN_GROUPS, InstalledPlugins, Plugin, PluginError, load_plugins

BUILT = "from adapters.plugin import Plugin\nPLUGIN = Plugin(id={id!r}, group={group!r}, build=lambda **_: None)\n"


class Site:
    """A folder of installed distributions, as pip leaves them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(self, distribution: str, entry: str, source: str, group: str = "suppliers") -> None:
        module = distribution.replace("-", "_")
        metadata = self._folder / f"{module}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[dropwright.{group}]\n{entry} = {module}:PLUGIN\n")
        (self._folder / f"{module}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Site(tmp_path)


@pytest.mark.parametrize("group", PLUGIN_GROUPS)
def test_our_own_adapters_come_in_by_the_same_door(group: str) -> None:
    plugins = load_plugins(group)
    assert plugins
    assert all(plugin.group == group and plugin.id == name for name, plugin in plugins.items())


def test_a_third_partys_supplier_is_first_class(site: Site) -> None:
    site.install("nova-for-dropwright", "nova", BUILT.format(id="nova", group="suppliers"))
    plugins = load_plugins("suppliers")
    assert isinstance(plugins["nova"], Plugin)
    assert "btswholesaler" in plugins


def test_two_plugins_of_one_id_are_refused_by_the_names_of_both_distributions(site: Site) -> None:
    site.install("bts-rival", "btswholesaler", BUILT.format(id="btswholesaler", group="suppliers"))
    with pytest.raises(PluginError, match="suppliers/btswholesaler") as refused:
        load_plugins("suppliers")
    assert "bts-rival" in str(refused.value)
    assert "dropwright" in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        BUILT.format(id="broken-port", group="storefronts"),
        BUILT.format(id="another", group="suppliers"),
        "PLUGIN = object()\n",
    ],
    ids=["another port", "another id", "no plugin"],
)
def test_what_is_not_a_supplier_plugin_of_its_name_is_refused(site: Site, source: str) -> None:
    site.install("broken-port", "broken-port", source)
    with pytest.raises(PluginError, match="plugin broken-port of broken-port is not a suppliers plugin"):
        load_plugins("suppliers")


@pytest.mark.parametrize(
    "source",
    ["import nowhere_to_be_found\n", "raise RuntimeError('no licence')\n", "raise SystemExit(2)\n", "OTHER = 1\n"],
)
def test_a_plugin_that_cant_be_imported_is_refused_and_never_skipped(site: Site, source: str) -> None:
    site.install("unloadable-dist", "unloadable", source)
    with pytest.raises(PluginError, match="plugin unloadable of unloadable-dist can't be imported"):
        load_plugins("suppliers")


def test_a_plugin_that_is_installed_meanwhile_is_there_when_it_is_asked_for(site: Site) -> None:
    plugins = InstalledPlugins("suppliers")
    known = list(plugins)
    site.install("late-for-dropwright", "late", BUILT.format(id="late", group="suppliers"))
    assert plugins["late"].id == "late"
    assert sorted(plugins) == sorted([*known, "late"])


def test_what_is_not_installed_is_looked_for_again_only_after_a_while(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = InstalledPlugins("suppliers")
    assert "later" not in plugins
    site.install("later-for-dropwright", "later", BUILT.format(id="later", group="suppliers"))
    assert "later" not in plugins
    monkeypatch.setattr(plugin, "LOOK_AGAIN", 0.0)
    assert "later" in plugins


def test_a_broken_plugin_that_is_installed_meanwhile_is_refused_each_time_imported_once_and_stops_no_other(
    site: Site, tmp_path: Path
) -> None:
    plugins = InstalledPlugins("suppliers")
    imports = tmp_path / "imports"
    site.install(
        "torn-for-dropwright",
        "torn",
        f"with open({str(imports)!r}, 'a') as file:\n    file.write('.')\nimport nowhere_to_be_found\n",
    )
    for _ in range(2):
        with pytest.raises(PluginError, match="plugin torn of torn-for-dropwright can't be imported"):
            plugins["torn"]
    assert imports.read_text() == "."
    assert "btswholesaler" in plugins


def test_a_plugin_that_is_installed_with_a_package_of_our_names_is_refused(site: Site, tmp_path: Path) -> None:
    plugins = InstalledPlugins("suppliers")
    site.install("greedy", "greedy", BUILT.format(id="greedy", group="suppliers"))
    (tmp_path / "greedy-1.0.dist-info" / "RECORD").write_text("models/__init__.py,,\ngreedy.py,,\n")
    with pytest.raises(PluginError, match="distribution greedy brings a top-level package models"):
        plugins["greedy"]
