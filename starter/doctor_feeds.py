"""The doctor's look at feeds: whether their files can be reached and have the configured columns, and whether they run."""

from collections.abc import Iterable, Iterator
from contextlib import closing

from temporalio.client import Client

from activities.outside import Outside
from adapters.errors import AdapterError, AuthenticationFailed
from adapters.feeds.reader import FeedUnreadable, open_records
from adapters.ports import FeedSource
from adapters.secrets import MissingSecretError
from models.configuration import Configuration
from models.feed_rows import FeedPart, RemoteFile
from models.feeds import Feed
from models.findings import Finding, Severity
from models.identifiers import sync_workflow_id
from starter.supply_schedules import wanted_schedules

LARGE = 50_000_000  # bytes of a ZIP, which can only be read whole
START_WORKER = "start `dropwright worker`, which makes it"


def file_feeds(configuration: Configuration) -> Iterator[tuple[str, str, Feed]]:
    """List the feeds that are files and in use: supplier, name, settings."""
    for supplier, settings in configuration.suppliers.items():
        for name, feed in settings.feeds.items():
            if settings.enabled and feed.enabled and feed.is_file:
                yield supplier, name, feed


def feed_finding(outside: Outside, supplier: str, name: str, feed: Feed) -> Finding | None:
    """Look for a feed's newest file, and at its beginning; None where a secret is missing, which was found before."""
    area = f"feed {supplier}/{name}"
    try:
        with closing(outside.feed_source(feed)) as source:
            return _look_at(area, feed, source, f"`dropwright feed check FILE --supplier {supplier} --feed {name}`")
    except MissingSecretError:
        return None
    except AdapterError as error:
        return _finding(area, Severity.ERROR, "source", str(error), _remedy(error, feed))


def _look_at(area: str, feed: Feed, source: FeedSource, check: str) -> Finding:
    files = source.look()
    if not files:
        marker = f" with a twin {feed.done_marker}" if feed.done_marker else ""
        message = f"answers, but no file{marker} that counts is there"
        return _finding(
            area, Severity.WARNING, "source", message, "right if nothing is due; else see `files`, `source`"
        )
    try:
        told = _read_beginning(feed, source, files[-1])
    except FeedUnreadable as error:
        message = f"the newest file can't be read ({error.finding.code}): {error.finding.text}"
        return _finding(area, Severity.ERROR, "mapping", message, f"ask the supplier, or correct the feed; try {check}")
    return _finding(area, Severity.OK, "source", f"answers, {len(files)} files there; {told}")


def _read_beginning(feed: Feed, source: FeedSource, newest: RemoteFile) -> str:
    packed = feed.compression == "zip" or newest.name.lower().endswith(".zip")
    if packed and (newest.size is None or newest.size > LARGE):
        return "the newest is a large ZIP and was not opened"
    columns = {name: column for name in feed.columns if (column := feed.column_of(name))}
    open_records(FeedPart(newest.name, lambda: source.read(newest, 0)), feed, columns)
    return "the newest begins as configured"


def _remedy(error: AdapterError, feed: Feed) -> str:
    if isinstance(error, AuthenticationFailed):
        return "compare username, password_env and private_key_env with what the supplier gave you"
    if error.code == "private_address":
        return "set trust_private_hosts = true only if this server is your own"
    if error.code == "unknown_host_key":
        return "put the server's key into host_key once the supplier confirmed it"
    return (
        f"check `source` and the network from here to it{'' if feed.source.startswith('file:') else ', and firewalls'}"
    )


async def schedule_findings(client: Client, configuration: Configuration) -> list[Finding]:
    """Compare the schedules that the configuration wants with those that Temporal has."""
    wanted = wanted_schedules(configuration)
    there = {entry.id: entry async for entry in await client.list_schedules()}
    feeds = {
        sync_workflow_id(supplier, name): f"dropwright sync resume {supplier} {name}"
        for supplier, settings in configuration.suppliers.items()
        for name in settings.feeds
    }
    paused = {name for name in wanted if name in there and (one := there[name].schedule) and one.state.paused}
    findings = [_unscheduled(name) for name in wanted if name not in there]
    findings += [_paused(name, feeds.get(name)) for name in sorted(paused)]
    return findings or _all_scheduled(wanted)


def _all_scheduled(wanted: Iterable[str]) -> list[Finding]:
    count = len(list(wanted))
    return [_finding("temporal", Severity.OK, "supply", f"all {count} schedules run")] if count else []


def _unscheduled(name: str) -> Finding:
    return _finding(
        "temporal", Severity.WARNING, f"schedule {name}", "is missing: it runs only when asked", START_WORKER
    )


def _paused(name: str, resume: str | None) -> Finding:
    remedy = f"`{resume}`" if resume else f"temporal schedule toggle --unpause --schedule-id {name} --reason …"
    return _finding("temporal", Severity.WARNING, f"schedule {name}", "is paused: nothing runs by itself", remedy)


def _finding(area: str, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
    return Finding(area=area, severity=severity, subject=subject, message=message, remedy=remedy)
