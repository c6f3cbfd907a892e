"""Finding plugins: adapters register by entry points, ours and a third party's alike.

A duplicate id, a wrong shape, an import error, or a package that is named as one of ours stops the worker and names the
distribution it came from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel

from adapters.collisions import collisions
from adapters.http import CallSink

Secrets = Callable[[str], str]


@dataclass(frozen=True)
class Plugin:
    """What an entry point names: the adapter's id, its port, and how to build one from configuration."""

    id: str
    group: str  # suppliers, storefronts, notifiers or rates
    build: Callable[..., Any]
    label: str = ""
    documentation: str = ""
    statuses: tuple[str, ...] = field(default=())
    requires: tuple[str, ...] = ("base_url", "token_env")  # of a supplier's settings: those it can't do without
    picks: bool = False  # build it with ``desk``: a PickDesk for its pick tasks
    documents: bool = False  # build it with ``documents``: the supplier's DocumentDesk
    links: bool = False  # build it with ``link_for``: number -> link to the supplier's page, or None
    profile: type[BaseModel] | None = None  # how its part of a supplier's ``profile`` must look
    versions: tuple[str, ...] = ()  # of the vendor's API that it speaks, the preferred one first


class PluginError(RuntimeError):
    """A plugin can't be used; the message names its distribution and the remedy."""


def load_plugins(group: str) -> dict[str, Plugin]:
    """Load every plugin of ``dropwright.{group}``. Raises PluginError for the first that can't be used."""
    for collision in collisions():
        raise PluginError(collision)
    plugins: dict[str, Plugin] = {}
    origins: dict[str, str] = {}
    for entry in sorted(entry_points(group=f"dropwright.{group}"), key=lambda found: found.name):
        plugin = _load(entry, group)
        if plugin.id in plugins:
            both = f"{origins[plugin.id]} and {_origin(entry)}"
            raise PluginError(f"two plugins call themselves {group}/{plugin.id}, from {both}: uninstall one")
        plugins[plugin.id] = plugin
        origins[plugin.id] = _origin(entry)
    return plugins


def distribution_of(group: str, plugin_id: str) -> tuple[str, str]:
    """Say which distribution brought a plugin, and its version; empty where it is not known."""
    for entry in entry_points(group=f"dropwright.{group}", name=plugin_id):
        return (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
    return "", ""


def _load(entry: EntryPoint, group: str) -> Plugin:
    try:
        plugin = entry.load()
    except Exception as error:
        raise PluginError(f"plugin {entry.name} of {_origin(entry)} can't be imported: {error}") from error
    if not isinstance(plugin, Plugin) or plugin.group != group or plugin.id != entry.name:
        raise PluginError(f"plugin {entry.name} of {_origin(entry)} is not a {group} plugin of that id")
    return plugin


def _origin(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unknown distribution"


__all__ = ["CallSink", "Plugin", "PluginError", "Secrets", "distribution_of", "load_plugins"]
