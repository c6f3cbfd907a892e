"""What a supplier's plugin can't do without, of the settings that others may leave out."""

from collections.abc import Iterator

from adapters.plugin import PluginError, load_plugins
from models.configuration import Configuration
from starter.configuration_problems import Problem, path_text


def unmet_needs(configuration: Configuration) -> Iterator[Problem]:
    """Name each setting that is missing. A plugin that is not installed here is the doctor's to find."""
    try:
        plugins = load_plugins("suppliers")
    except PluginError:
        return
    for supplier, settings in configuration.suppliers.items():
        plugin = plugins.get(settings.adapter)
        for name in plugin.requires if plugin else ():
            if getattr(settings, name) is None:
                place, problem = ("suppliers", supplier), f"is required by the adapter {settings.adapter}"
                yield Problem(path_text((*place, name)), problem, "write it into this table", place=place)
