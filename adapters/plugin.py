"""Finding plugins: adapters register by entry points, ours and a third party's alike.

A duplicate id, a wrong shape, an import error, or a package that is named as one of ours stops the worker and names the
distribution it came from.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import invalidate_caches
from importlib.metadata import EntryPoint, entry_points
from threading import Lock
from typing import Any

from pydantic import BaseModel

from adapters.collisions import collisions
from adapters.http import CallSink

PLUGIN_GROUPS = ("suppliers", "storefronts", "notifiers", "rates")
LOOK_AGAIN = 5.0  # seconds between two looks for a plugin that is not there: each reads every distribution


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

    def besides(self, **at_hand: Any) -> dict[str, Any]:
        """Pick what a supplier's ``build`` takes besides settings, of ``desk``, ``documents`` and ``link_for``."""
        takes = {"desk": self.picks, "documents": self.documents, "link_for": self.links}
        return {name: given for name, given in at_hand.items() if takes[name]}


class PluginError(RuntimeError):
    """A plugin can't be used; the message names its distribution and the remedy."""


class InstalledPlugins(Mapping[str, Plugin]):
    """The plugins of one group, for a process that goes on: one that is installed meanwhile is there when it is asked for.

    What is loaded stays as it is: an upgrade is seen by the next start.
    """

    def __init__(self, group: str) -> None:
        """Load what there is. Raises PluginError for the first that can't be used."""
        self._group = group
        self._loaded = load_plugins(group)
        self._missed: dict[str, tuple[float, str]] = {}  # id -> when it was last looked for, and why it can't be used
        self._lock = Lock()

    def __getitem__(self, plugin_id: str) -> Plugin:
        """Return a plugin. Raises KeyError where it is not installed, and PluginError where it can't be used."""
        if plugin_id not in self._loaded:
            with self._lock:  # only those wait who ask for what is not there: an import may take its time
                if plugin_id not in self._loaded:
                    self._look_for(plugin_id)
        return self._loaded[plugin_id]

    def __iter__(self) -> Iterator[str]:
        """Name those that are loaded."""
        return iter(tuple(self._loaded))

    def __len__(self) -> int:
        """Count those that are loaded."""
        return len(self._loaded)

    def _look_for(self, plugin_id: str) -> None:
        now = time.monotonic()
        looked_at, why = self._missed.get(plugin_id, (-LOOK_AGAIN, ""))
        if now - looked_at < LOOK_AGAIN:
            if why:
                raise PluginError(why)
            return
        invalidate_caches()
        try:
            plugin = load_plugin(self._group, plugin_id)
        except PluginError as error:
            self._missed[plugin_id] = now, str(error)
            raise
        self._missed[plugin_id] = now, ""
        if plugin is not None:
            self._loaded[plugin_id] = plugin


def load_plugins(group: str) -> dict[str, Plugin]:
    """Load every plugin of ``dropwright.{group}``. Raises PluginError for the first that can't be used."""
    return _load_all(entry_points(group=f"dropwright.{group}"), group)


def load_plugin(group: str, plugin_id: str) -> Plugin | None:
    """Load one plugin by its id; None where it is not installed. Raises PluginError where it can't be used."""
    return _load_all(entry_points(group=f"dropwright.{group}", name=plugin_id), group).get(plugin_id)


def _load_all(entries: Iterable[EntryPoint], group: str) -> dict[str, Plugin]:
    for collision in collisions():
        raise PluginError(collision)
    plugins: dict[str, Plugin] = {}
    origins: dict[str, str] = {}
    for entry in sorted(entries, key=lambda found: found.name):
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
    except (Exception, SystemExit) as error:  # a package may ask for its licence as a program would
        raise PluginError(f"plugin {entry.name} of {_origin(entry)} can't be imported: {error}") from error
    if wrong := _strange(plugin, entry, group):
        raise PluginError(f"plugin {entry.name} of {_origin(entry)} is not a {group} plugin of that id: {wrong}")
    found: Plugin = plugin
    return found


def _strange(plugin: object, entry: EntryPoint, group: str) -> str:
    """Say how what an entry point names is not what it should be; "" where it is."""
    if not isinstance(plugin, Plugin):
        return f"{entry.value} is no Plugin, but of type {type(plugin).__name__}"
    if plugin.group != group:
        return f"its `group` is {plugin.group!r}"
    return "" if plugin.id == entry.name else f"its `id` is {plugin.id!r}; give it and its entry point one name"


def _origin(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unknown distribution"


__all__ = [
    "PLUGIN_GROUPS",
    "CallSink",
    "InstalledPlugins",
    "Plugin",
    "PluginError",
    "distribution_of",
    "load_plugin",
    "load_plugins",
]
