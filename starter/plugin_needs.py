"""What a supplier's plugin asks of its settings: those it can't do without, and how its own profile must look."""

from collections.abc import Iterator

from pydantic import ValidationError

from adapters.plugin import Plugin, PluginError, load_plugins
from models.configuration import Configuration, Supplier
from starter.configuration_problems import Problem, path_text, problems_of_part


def unmet_needs(configuration: Configuration) -> Iterator[Problem]:
    """Name each setting that is missing or wrong. A plugin that is not installed here is the doctor's to find."""
    try:
        plugins = load_plugins("suppliers")
    except PluginError:
        return
    for supplier, settings in configuration.suppliers.items():
        if plugin := plugins.get(settings.adapter):
            yield from _missing(supplier, settings, plugin)
            yield from _more_than_a_base(supplier, settings)
            yield from _strange_version(supplier, settings, plugin)
            yield from _profile_problems(supplier, settings, plugin)


def _missing(supplier: str, settings: Supplier, plugin: Plugin) -> Iterator[Problem]:
    for name in plugin.requires:
        if getattr(settings, name) is None:
            place, problem = ("suppliers", supplier), f"is required by the adapter {settings.adapter}"
            yield Problem(path_text((*place, name)), problem, "write it into this table", place=place)


def _more_than_a_base(supplier: str, settings: Supplier) -> Iterator[Problem]:
    """Find what would be lost, or sent along unasked, once a path is put behind the address."""
    url, place = settings.base_url, ("suppliers", supplier, "base_url")
    if url is None:
        return
    if url.query is not None or url.fragment is not None:
        problem, remedy = "holds a question mark or a hash: what is called lies behind it", "end it before that"
        yield Problem(path_text(place), problem, remedy, place=place)
    if url.username is not None or url.password is not None:
        problem, remedy = "holds a user or a password, which would be sent instead of the credential", "take them out"
        yield Problem(path_text(place), problem, remedy, place=place)


def _strange_version(supplier: str, settings: Supplier, plugin: Plugin) -> Iterator[Problem]:
    version, place = settings.api_version, ("suppliers", supplier, "api_version")
    if plugin.versions and version is not None and version not in plugin.versions:
        problem = f"is no version of its interface that the adapter {settings.adapter} speaks"
        yield Problem(path_text(place), problem, f"write one of {', '.join(plugin.versions)}", place=place)


def _profile_problems(supplier: str, settings: Supplier, plugin: Plugin) -> Iterator[Problem]:
    place = ("suppliers", supplier, "profile")
    if plugin.profile is None:
        if settings.profile:
            problem = f"is nothing that the adapter {settings.adapter} reads"
            yield Problem(path_text(place), problem, "take it out", place=place)
        return
    try:
        plugin.profile.model_validate(settings.profile)
    except ValidationError as error:
        yield from problems_of_part(error, settings.profile, plugin.profile, place, plugin.documentation)
