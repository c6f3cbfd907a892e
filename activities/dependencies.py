"""Wires what every activity works with: our database, the plugins and the journal of calls."""

from functools import partial

from activities.common import Dependencies
from activities.journal import CallJournal
from activities.outside import Outside
from adapters.database import portal
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.database.exchange import Documents
from adapters.database.picks import Desk
from adapters.plugin import PLUGIN_GROUPS, InstalledPlugins
from adapters.secrets import Secrets, environment_secret


def build_dependencies(database: Database, secrets: Secrets = environment_secret) -> Dependencies:
    """Wire our database, the plugins and the journal together."""
    journal = CallJournal(database)
    plugins = {group: InstalledPlugins(group) for group in PLUGIN_GROUPS}
    outside = Outside(
        ConfigurationStore(database),
        plugins,
        secrets,
        journal.sink,
        Desk(database),
        lambda supplier: Documents(database, supplier),
        partial(portal.purchase_order_id, database),
    )
    return Dependencies(database=database, outside=outside, journal=journal)
