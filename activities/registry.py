"""Builds every activity from its dependencies. The worker and the tests share it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio.client import Client

from activities.common import Dependencies
from activities.delivery import OrderDelivery
from activities.doubt import DoubtActivities
from activities.exchange import ExchangeActivities, ExchangeNewsActivities
from activities.feed_news import FeedNewsActivities
from activities.feeds import FeedActivities
from activities.incidents import IncidentActivities, ReleaseActivities
from activities.intake import Intake
from activities.mail import MailActivities
from activities.orders import LOOK_AGAIN, OrderActivities
from activities.publication import PublicationActivities
from activities.purchase_orders import PurchaseOrderActivities
from activities.reconciliation import ReconciliationActivities
from activities.scorecards import ScorecardActivities
from activities.shortages import ShortageActivities
from activities.stock_watch import StockWatchActivities
from activities.storefronts import StorefrontActivities
from activities.submission import SubmissionActivities
from activities.suppliers import SupplierActivities
from activities.sweeps import SweepActivities
from activities.tasks import TaskActivities
from activities.upkeep import UpkeepActivities
from activities.withdrawals import WithdrawalActivities
from adapters.database.configurations import ConfigurationStore


@dataclass(frozen=True)
class Registry:
    """Every activity, by the task queue that it runs on."""

    orders: Sequence[Callable[..., Any]]
    storefront: Sequence[Callable[..., Any]]
    supplier: Sequence[Callable[..., Any]]
    mail: Sequence[Callable[..., Any]]
    sync: Sequence[Callable[..., Any]]
    publish: Sequence[Callable[..., Any]]


def build_registry(deps: Dependencies, *, mail_every: timedelta, look_again: timedelta = LOOK_AGAIN) -> Registry:
    """Build every activity object once and sort its activities by queue."""
    orders = OrderActivities(deps, look_again=look_again)
    purchase_orders, people = PurchaseOrderActivities(deps), TaskActivities(deps)
    submission, suppliers, storefronts = (
        SubmissionActivities(deps),
        SupplierActivities(deps),
        StorefrontActivities(deps),
    )
    mail = MailActivities(deps, look_every=mail_every)
    feeds, publications = FeedActivities(deps), PublicationActivities(deps)
    withdrawals, incidents = WithdrawalActivities(deps), IncidentActivities(deps)
    reconciliations, upkeep = ReconciliationActivities(deps), UpkeepActivities(deps)
    return Registry(
        orders=(
            orders.plan_order,
            orders.follow_purchase_order,
            orders.settle_order,
            ShortageActivities(deps).settle_question,
            purchase_orders.end_purchase_order,
            submission.resolve_submission,
            submission.confirm_submission,
            submission.reopen_submission,
            people.open_task,
            people.record_command,
            people.record_malformed,
            people.remind,
            incidents.tend_incident,
        ),
        storefront=(
            storefronts.screen_order,
            storefronts.write_shipping_choice,
            storefronts.write_supplier_number,
            storefronts.fulfil,
        ),
        supplier=(
            suppliers.choose_shipping,
            submission.submit_purchase_order,
            DoubtActivities(deps).settle_doubt,
            suppliers.await_acknowledgement,
            suppliers.check_tracking,
            withdrawals.cancel_at_supplier,
            withdrawals.watch_straggler,
            incidents.probe_supplier,
            ExchangeActivities(deps).exchange_documents,
            feeds.fetch_feed,
            reconciliations.compare_supplier,
        ),
        mail=(mail.dispatch_mail,),
        sync=(
            feeds.stage_feed,
            feeds.judge_feed,
            feeds.apply_feed,
            feeds.fail_feed,
            publications.prepare_publication,
            reconciliations.settle_reconciliation,
            upkeep.capture_rates,
            StockWatchActivities(deps).watch_stock,
            upkeep.prune_history,
            ScorecardActivities(deps).refresh_scorecards,
        ),
        publish=(
            publications.refresh_listings,
            publications.send_publication,
            publications.await_bulk_publication,
            reconciliations.compare_channel,
        ),
    )


def with_client(registry: Registry, deps: Dependencies, client: Client) -> Registry:
    """Add the activities that speak to Temporal themselves: the intake sweeps, and a feed's last stage."""
    configurations, storefronts = ConfigurationStore(deps.database), deps.outside.storefront
    releases = ReleaseActivities(deps, client)
    sweeps = SweepActivities(
        client=client,
        database=deps.database,
        configurations=configurations,
        storefronts=storefronts,
        intake=Intake(deps.database, configurations, storefronts),
        delivery=OrderDelivery(client, deps.database, configurations),
        start_incidents=releases.start_open_incidents,
    )
    steps = (
        sweeps.fetch_missing_orders,
        sweeps.start_stored_orders,
        sweeps.deliver_stored_events,
        sweeps.find_stalled_orders,
        sweeps.wake_waiting_orders,
        releases.let_one_try,
        releases.drain_incident,
        ExchangeNewsActivities(deps, client).tell_of_exchange,
    )
    news = FeedNewsActivities(deps, client)
    return replace(registry, orders=(*registry.orders, *steps), sync=(*registry.sync, news.tell_of_feed))
