"""Intake: a storefront's word becomes a stored order, in one transaction, whatever arrives and in whatever order.

Used by the webhooks' endpoint, by the import and by the sweep. What is wrong with an order becomes a task here, never
an error: a paid order must not vanish. Only the import, where a person looks on, refuses.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.exc import DBAPIError

from adapters.database import intake as records
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database, Transaction, lost_connection
from adapters.database.tasks import About, open_task
from adapters.errors import UnexpectedReply
from adapters.ports import StorefrontPort
from models.configuration import Channel, Configuration
from models.contracts import OrderRequest
from models.identifiers import content_key
from models.intake import (
    ORDER_TOPICS,
    TOPIC_IMPORT,
    IntakeDecision,
    IntakeOutcome,
    KnownOrder,
    PendingEvent,
    Received,
    TaskNote,
    TimelineNote,
)
from models.money import Money
from models.orders import IncomingOrder
from models.tasks import TaskCategory
from workflows.decisions.intake import WAITING, decide, digest_of, key_of_lines
from workflows.decisions.questions import draft

Storefronts = Callable[[str], StorefrontPort]
Work = Callable[[Transaction], Received]

_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")


class UnknownChannelError(LookupError):
    """No channel of this name is configured."""


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """What a delivery is judged by: its channel, and the configuration around it."""

    channel: Channel
    configuration: Configuration
    now: datetime


class Intake:
    """Takes in what storefronts say. Thread-safe; every call is one transaction."""

    def __init__(
        self,
        database: Database,
        configurations: ConfigurationStore,
        storefronts: Storefronts,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Store in ``database``; ``storefronts`` finds a channel's adapter by the channel's name."""
        self._database = database
        self._configurations = configurations
        self._storefronts = storefronts
        self._clock = clock

    def receive(
        self,
        channel: str,
        *,
        topic: str,
        delivery_id: str,
        event_id: str | None,
        body: bytes,
        document: Any,
        paid_at: datetime | None,
    ) -> Received:
        """Take in one genuine delivery. ``document`` is what ``body`` says; ``paid_at`` is None where nothing tells.

        Raises UnknownChannelError, and SQLAlchemy's errors where the database is away: then nothing was stored.
        """
        setting = self._setting(channel)
        delivery = records.Delivery(
            channel=channel,
            topic=topic,
            delivery_id=delivery_id,
            event_id=event_id,
            body=body,
            storefront_order_id=_claimed_id(document),
        )
        if topic not in ORDER_TOPICS:
            return self._transact(lambda tx: _keep_unhandled(tx, delivery, setting))
        try:
            incoming = self.read(channel, document)
        except UnexpectedReply as problem:
            message = str(problem)
            return self._transact(lambda tx: _keep_invalid(tx, delivery, setting, message))
        return self._transact(lambda tx: _take_in(tx, delivery, incoming, paid_at or incoming.placed_at, setting))

    def import_document(self, channel: str, document: Any) -> Received:
        """Take in an order that a person brings in a file. The same file again changes nothing.

        Raises UnexpectedReply, naming the field, where the order can't be used as it is; nothing is stored then.
        """
        setting = self._setting(channel)
        incoming = self.read(channel, document)
        body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        delivery = records.Delivery(
            channel=channel,
            topic=TOPIC_IMPORT,
            delivery_id=f"import:{sha256(body).hexdigest()}",
            event_id=None,
            body=body,
            storefront_order_id=incoming.storefront_order_id,
        )
        return self._transact(lambda tx: _take_in(tx, delivery, incoming, incoming.placed_at, setting))

    def read(self, channel: str, document: Any) -> IncomingOrder:
        """Normalise an order. Raises UnexpectedReply for what can't be used, whatever the adapter stumbles over."""
        storefront = self._storefronts(channel)
        if not isinstance(document, dict):
            raise UnexpectedReply("the body is not an object", code="order_unreadable")
        try:
            incoming = storefront.read_order(document)
            holds_nul = "\\u0000" in incoming.model_dump_json()  # no database takes it
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # The error's text may quote a customer's name.
            raise UnexpectedReply(
                f"the order can't be read ({type(error).__name__})", code="order_unreadable"
            ) from None
        if holds_nul:
            raise UnexpectedReply("the order holds a NUL character", code="order_unreadable")
        return incoming

    def _setting(self, channel: str) -> _Setting:
        configuration = self._configurations.current().configuration
        if channel not in configuration.channels:
            raise UnknownChannelError(f"no channel {channel!r} is configured")
        return _Setting(channel=configuration.channels[channel], configuration=configuration, now=self._clock())

    def _transact(self, work: Work) -> Received:
        """Do the work in one transaction; once more where the connection was lost: repeating it changes nothing."""
        try:
            with self._database.begin() as tx:
                return work(tx)
        except DBAPIError as error:
            if not lost_connection(error):
                raise
        with self._database.begin() as tx:
            return work(tx)


def _take_in(
    tx: Transaction, delivery: records.Delivery, incoming: IncomingOrder, paid_at: datetime, setting: _Setting
) -> Received:
    records.lock_order(tx, delivery.channel, incoming.storefront_order_id)
    webhook_id = records.store_delivery(tx, delivery, IntakeOutcome.RECEIVED, now=setting.now)
    if webhook_id is None:
        return _count_repeat(tx, delivery, setting)
    known = records.find_order(tx, delivery.channel, incoming.storefront_order_id)
    decision = decide(known, incoming, delivery.topic, paid_at, setting.channel.start_watermark)
    order_id = _write(tx, delivery, incoming, known, decision, setting)
    records.tell_all(tx, order_id, decision.notes, topic=delivery.topic, at=setting.now)
    _ask(tx, order_id, incoming.name, webhook_id, decision, setting)
    answered = None if decision.state in WAITING else _invalid_key(delivery, webhook_id)
    records.settle_delivery(tx, webhook_id, decision, order_id, answered_task=answered, now=setting.now)
    return _received(delivery, webhook_id, order_id, incoming, decision)


def _write(
    tx: Transaction,
    delivery: records.Delivery,
    incoming: IncomingOrder,
    known: KnownOrder | None,
    decision: IntakeDecision,
    setting: _Setting,
) -> int:
    keys = records.Keys(lines=key_of_lines(incoming), address=digest_of(incoming.address))
    if known is None:
        return records.insert_order(tx, delivery.channel, incoming, keys, decision, now=setting.now)
    if decision.changes_order:
        records.update_order(tx, known, incoming, keys, decision, now=setting.now)
    return known.order_id


def _received(
    delivery: records.Delivery, webhook_id: int, order_id: int, incoming: IncomingOrder, decision: IntakeDecision
) -> Received:
    starts = decision.outcome is IntakeOutcome.STARTABLE
    request = _order_request(delivery.channel, order_id, incoming) if starts else None
    if decision.event is None:
        return Received(outcome=decision.outcome, order_request=request)
    event = PendingEvent(
        webhook_id=webhook_id,
        order_id=order_id,
        channel=delivery.channel,
        storefront_order_id=incoming.storefront_order_id,
        kind=decision.event,
    )
    return Received(outcome=decision.outcome, order_request=request, event=event)


def _order_request(channel: str, order_id: int, incoming: IncomingOrder) -> OrderRequest:
    return OrderRequest(
        order_id=order_id,
        channel=channel,
        storefront_order_id=incoming.storefront_order_id,
        name=incoming.name,
        total=Money(amount=incoming.total, currency=incoming.currency),
        lines=len(incoming.lines),
        ship_country=records.ship_country(incoming.address),
        test=incoming.test,
    )


def _ask(
    tx: Transaction, order_id: int, name: str, webhook_id: int, decision: IntakeDecision, setting: _Setting
) -> None:
    for note in decision.tasks:
        key = f"{note.category}:{order_id}:{content_key(note.facts.get('event', ''))[:8]}"
        _open(tx, About(key=key, order_id=order_id), note, webhook_id, setting)
    if decision.ask_about_sent_address:
        for purchase_order_id, supplier in records.sent_purchase_orders(tx, order_id):
            about = About(
                key=f"{TaskCategory.ADDRESS_CHANGED_LATE}:{purchase_order_id}",
                order_id=order_id,
                purchase_order_id=purchase_order_id,
            )
            facts = {"order": name, "supplier": _display_name(setting, supplier)}
            _open(tx, about, TaskNote(category=TaskCategory.ADDRESS_CHANGED_LATE, facts=facts), webhook_id, setting)


def _display_name(setting: _Setting, supplier: str) -> str:
    known = setting.configuration.suppliers.get(supplier)
    return known.display_name if known else supplier


def _open(tx: Transaction, about: About, note: TaskNote, webhook_id: int, setting: _Setting) -> None:
    evidence = {**note.facts, "webhook": webhook_id}
    people = setting.configuration.people
    open_task(tx, about, draft(note.category, note.facts), evidence, people=people, now=setting.now)


def _keep_unhandled(tx: Transaction, delivery: records.Delivery, setting: _Setting) -> Received:
    if records.store_delivery(tx, delivery, IntakeOutcome.UNHANDLED, now=setting.now) is None:
        return _count_repeat(tx, delivery, setting)
    return Received(outcome=IntakeOutcome.UNHANDLED)


def _keep_invalid(tx: Transaction, delivery: records.Delivery, setting: _Setting, problem: str) -> Received:
    webhook_id = records.store_delivery(tx, delivery, IntakeOutcome.INVALID, now=setting.now)
    if webhook_id is None:
        return _count_repeat(tx, delivery, setting)
    order_id, name = records.invalid_order(tx, webhook_id, delivery)
    facts = {"order": name or _unread_name(delivery), "problem": problem}
    about = About(key=_invalid_key(delivery, webhook_id), order_id=order_id)
    _open(tx, about, TaskNote(category=TaskCategory.ORDER_INVALID, facts=facts), webhook_id, setting)
    return Received(outcome=IntakeOutcome.INVALID)


def _unread_name(delivery: records.Delivery) -> str:
    known = delivery.storefront_order_id
    return f"Order {known} of {delivery.channel}" if known else f"An order of {delivery.channel}"


def _invalid_key(delivery: records.Delivery, webhook_id: int) -> str:
    about = delivery.storefront_order_id or f"delivery {webhook_id}"
    return f"{TaskCategory.ORDER_INVALID}:{delivery.channel}:{about}"


def _count_repeat(tx: Transaction, delivery: records.Delivery, setting: _Setting) -> Received:
    repeat = records.count_repeat(tx, delivery)
    if repeat.contradicts:
        name = records.order_name(tx, repeat.order_id) or _unread_name(delivery)
        facts = {"order": name, "problem": "one delivery came twice, with different content"}
        about = About(key=f"{TaskCategory.ORDER_CHANGED}:delivery:{repeat.webhook_id}", order_id=repeat.order_id)
        _open(tx, about, TaskNote(category=TaskCategory.ORDER_CHANGED, facts=facts), repeat.webhook_id, setting)
        if repeat.order_id is not None:
            note = TimelineNote(event="delivery_contradicted")
            records.tell_all(tx, repeat.order_id, [note], topic=delivery.topic, at=setting.now)
    return Received(outcome=IntakeOutcome.REPEATED)


def _claimed_id(document: Any) -> str | None:
    """Take the order's id from a document that may be unusable otherwise."""
    claimed = document.get("id") if isinstance(document, dict) else None
    text = str(claimed) if isinstance(claimed, (int, str)) and not isinstance(claimed, bool) else ""
    return text if _ORDER_ID.fullmatch(text) else None
