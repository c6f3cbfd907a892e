"""What the shops are told to show: prepared from offers and rules, sent as deltas, kept with the shop's answer."""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import shelves
from activities.common import Dependencies, now
from activities.failures import wait
from activities.heartbeat import Heartbeat, beating
from activities.shelves import Shelves
from activities.shop_walk import walk
from adapters.database import listings, publications, tasks
from adapters.database.engine import Transaction
from adapters.database.publications import Counts, Publication, PublicationState
from adapters.errors import Refused
from adapters.ports import StorefrontPort
from models.identifiers import content_key
from models.listings import NOT_APPLIED, BulkResult, BulkState, ListingChange
from models.statuses import Mode
from models.sync import Prepared, PublicationRequest, PublicationStep, Published
from models.tasks import TaskCategory
from workflows.decisions import questions

BATCH = 5_000  # listings looked at in one transaction
MOST = 250_000  # items of one publication
SLICE = 250  # changes in one call
BULK_ATTEMPTS = 3
LONGEST_PAUSE = timedelta(seconds=15)  # between two questions about a bulk operation
NONE_APPLIED = "none_applied"

log = structlog.get_logger()


class PublicationActivities:
    """The stages of ``PublicationWorkflow``. Each may be attempted again from where it was."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def refresh_listings(self, request: PublicationRequest) -> int:
        """Read everything that the shop has on sale. Returns how many variants."""
        with beating() as heartbeat:
            return walk(self._deps, request.channel, heartbeat).variants

    @activity.defn(no_thread_cancel_exception=True)
    def prepare_publication(self, request: PublicationRequest) -> Prepared:
        """Work out what the channel should show, and open a publication for what differs.

        A publication that has not ended goes first. In observe mode nothing is prepared: the listings stay dirty, and
        are looked at once the channel may speak.
        """
        if self._silent(request.channel):
            return Prepared(publication_id=None)
        with self._deps.database.begin() as tx:
            unfinished = publications.find_open(tx, request.channel)
            if not listings.any_known(tx, request.channel):
                return Prepared(publication_id=None, needs_listings=True)
        if unfinished is not None and unfinished.state is not PublicationState.PREPARING:
            return _prepared(unfinished, more=True)
        with beating() as heartbeat:
            with self._deps.database.begin() as tx:
                everything = shelves.look(tx, self._deps.outside.configuration, request.channel, now())
            return self._collect(request.channel, everything, unfinished, heartbeat)

    @activity.defn(no_thread_cancel_exception=True)
    def send_publication(self, step: PublicationStep) -> Published:
        """Send a small publication call by call, or hand a large one to the shop's bulk machinery."""
        publication = self._load(step)
        with beating() as heartbeat:
            if publication.bulk and not publication.ended and not self._silent(step.channel):
                try:
                    if not publication.operations:
                        self._hand_over(publication, attempt=1)
                    return Published(sent=0, refused=0)
                except Refused as refusal:  # its bulk machinery, not these changes
                    log.warning("bulk_refused", channel=step.channel, code=refusal.code)
            self._send_waiting(publication, heartbeat)
        return self._end(publication)

    @activity.defn(no_thread_cancel_exception=True)
    def await_bulk_publication(self, step: PublicationStep) -> Published:
        """Wait, by retry, for the shop's bulk operations, and keep what they refused."""
        publication = self._load(step)
        if publication.ended:
            return self._end(publication)
        with beating() as heartbeat:
            results = self._ask(publication)
            if any(result.state is BulkState.RUNNING for result in results):
                done = sum(result.done for result in results)
                raise wait(f"bulk operation: {done} objects done of {publication.items} changes", _pause())
            failed = next((result for result in results if result.state is BulkState.FAILED), None)
            if failed is not None:
                self._hand_over_again(publication, failed)
            else:
                self._keep_bulk(publication, results, heartbeat)
                self._send_waiting(publication, heartbeat)  # what was only in bad company
        return self._end(publication)

    # Preparing.

    def _silent(self, channel: str) -> bool:
        """Say whether nothing may leave for this shop: switched off, observed, or with nowhere to keep stock at."""
        settings = self._deps.outside.channel(channel)
        publishing = settings.publishing
        if settings.mode is Mode.OBSERVE or not (publishing.quantities or shelves.keeps_prices(publishing)):
            return True
        if publishing.quantities and not publishing.location:
            log.warning("not_published", channel=channel, reason="publishing.location is not configured")
            return True
        return False

    def _collect(
        self, channel: str, everything: Shelves, unfinished: Publication | None, heartbeat: Heartbeat
    ) -> Prepared:
        publication_id = unfinished.id if unfinished else None
        after, items, more = "", 0, True
        while more and items < MOST:
            with self._deps.database.begin() as tx:
                batch = listings.lock_dirty(tx, channel, after=after, limit=BATCH)
                found = shelves.changes(tx, everything, batch)
                variants = [item.variant_id for item in batch]
                if found and publication_id is None:
                    publication_id = publications.open_new(tx, channel, now=now())
                if publication_id is not None:
                    _stop_where_sealed(tx, publication_id)
                    publications.replace_items(tx, publication_id, variants, found)
                listings.mark_clean(tx, channel, variants)
            items, more = items + len(found), len(batch) == BATCH
            after = batch[-1].variant_id if batch else after
            heartbeat.at(after)
        return self._seal(publication_id, everything, more=more)

    def _seal(self, publication_id: int | None, everything: Shelves, *, more: bool) -> Prepared:
        if publication_id is None:
            return Prepared(publication_id=None, more=more)
        with self._deps.database.begin() as tx:
            sealed = publications.seal(tx, publication_id, bulk_from=everything.publishing.bulk_from)
            if not sealed.items:  # what an earlier attempt had found is no longer true
                publications.finish(tx, sealed, now=now())
                return Prepared(publication_id=None, more=more)
        return _prepared(sealed, more=more)

    # Sending.

    def _load(self, step: PublicationStep) -> Publication:
        with self._deps.database.begin() as tx:
            return publications.load(tx, step.publication_id)

    def _send_waiting(self, publication: Publication, heartbeat: Heartbeat) -> None:
        """Send slice after slice of what the shop has said nothing of; each is kept before the next one leaves."""
        while slice_ := self._waiting(publication, limit=SLICE):
            if self._silent(publication.channel):
                with self._deps.database.begin() as tx:
                    publications.withdraw_waiting(tx, publication, now=now())
                return
            refusals = self._send(publication, slice_)
            with self._deps.database.begin() as tx:
                publications.keep_outcomes(tx, publication, _variants(slice_), refusals, now=now())
            heartbeat.at(slice_[-1].variant_id)

    def _waiting(self, publication: Publication, *, limit: int, after: str = "") -> list[ListingChange]:
        with self._deps.database.begin() as tx:
            return publications.items(tx, publication.id, limit=limit, after=after)

    def _send(self, publication: Publication, changes: Sequence[ListingChange]) -> dict[str, str]:
        """Send one slice. Its key follows from what it holds: after a kill the same slice leaves under the same key."""
        key = content_key("publication", publication.id, *_variants(changes))
        try:
            refusals = publications.by_variant(
                self._shop(publication).publish(self._location(publication), changes, key)
            )
        except Refused as refusal:
            return dict.fromkeys(_variants(changes), refusal.code)
        if len(refusals) == len(changes) and set(refusals.values()) == {NOT_APPLIED}:
            return dict.fromkeys(refusals, NONE_APPLIED)
        return refusals

    def _end(self, publication: Publication) -> Published:
        with self._deps.database.begin() as tx:
            counts = publications.finish(tx, publication, now=now())
            self._tell_of_refusals(tx, publication.channel)
        return _published(counts)

    def _tell_of_refusals(self, tx: Transaction, channel: str) -> None:
        """Keep one task per channel in step with what it refuses again and again."""
        refused, key = publications.refused_repeatedly(tx, channel), f"listings:{channel}"
        if refused.count:
            codes = ", ".join(f"{code} ({count})" for code, count in list(refused.codes.items())[:5])
            facts = {"channel": channel, "count": str(refused.count), "codes": codes}
            evidence = {"channel": channel, "codes": refused.codes, "variants": refused.samples}
            draft, people = questions.draft(TaskCategory.LISTINGS_REFUSED, facts), self._deps.outside.people
            tasks.open_task(tx, tasks.About(key=key), draft, evidence, people=people, now=now())
        else:
            tasks.close_for(tx, key, answer="the shop takes its changes again", now=now())

    # In bulk.

    def _hand_over(self, publication: Publication, *, attempt: int) -> None:
        """Hand everything that waits to the shop's bulk machinery; repeated under the same key it is handed over once."""
        key = content_key("publication", publication.id, "bulk", attempt)
        changes = publications.all_items(publication.id, self._deps.database.begin)
        operations = self._shop(publication).publish_in_bulk(self._location(publication), changes, key)
        with self._deps.database.begin() as tx:
            publications.keep_operations(tx, publication.id, operations, attempt)

    def _ask(self, publication: Publication) -> list[BulkResult]:
        newest = max((operation.attempt for operation in publication.operations), default=0)
        if not newest:
            self._hand_over(publication, attempt=1)
            raise wait("bulk operation: handed over", _pause())
        shop = self._shop(publication)
        return [
            shop.bulk_result(operation.id, publications.all_items(publication.id, self._deps.database.begin))
            for operation in publication.operations
            if operation.attempt == newest
        ]

    def _hand_over_again(self, publication: Publication, failed: BulkResult) -> None:
        """A bulk that failed as a whole is made anew; after some of them its changes count as refused."""
        attempt = 1 + max(operation.attempt for operation in publication.operations)
        if attempt <= BULK_ATTEMPTS:
            self._hand_over(publication, attempt=attempt)
            raise wait(f"bulk operation failed ({failed.code}): attempt {attempt} of {BULK_ATTEMPTS}", _pause())
        code = failed.code or "bulk_failed"
        while slice_ := self._waiting(publication, limit=BATCH):
            with self._deps.database.begin() as tx:
                refused = dict.fromkeys(_variants(slice_), code)
                publications.keep_outcomes(tx, publication, list(refused), refused, now=now(), times=BULK_ATTEMPTS)

    def _keep_bulk(self, publication: Publication, results: Sequence[BulkResult], heartbeat: Heartbeat) -> None:
        refusals = publications.by_variant([refusal for result in results for refusal in result.refusals])
        after = ""
        while slice_ := self._waiting(publication, limit=BATCH, after=after):
            with self._deps.database.begin() as tx:
                publications.keep_outcomes(tx, publication, _variants(slice_), refusals, now=now())
            after = slice_[-1].variant_id
            heartbeat.at(after)

    def _shop(self, publication: Publication) -> StorefrontPort:
        return self._deps.outside.storefront(publication.channel)

    def _location(self, publication: Publication) -> str:
        return self._deps.outside.channel(publication.channel).publishing.location


def _stop_where_sealed(tx: Transaction, publication_id: int) -> None:
    """A stalled attempt must not take marks off for items that nobody will send any more."""
    if not publications.hold_preparing(tx, publication_id):
        raise ApplicationError("another attempt has sealed the publication", type="SealedMeanwhile")


def _prepared(publication: Publication, *, more: bool) -> Prepared:
    return Prepared(publication_id=publication.id, items=publication.items, bulk=publication.bulk, more=more)


def _published(counts: Counts) -> Published:
    return Published(sent=counts.sent, refused=counts.refused, retry_in=counts.retry_in)


def _variants(changes: Sequence[ListingChange]) -> list[str]:
    return [change.variant_id for change in changes]


def _pause() -> timedelta:
    return min(timedelta(seconds=activity.info().attempt), LONGEST_PAUSE)
