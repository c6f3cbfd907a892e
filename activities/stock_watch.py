"""The daily look at stock: one grouped alert and task for all that will sell out, proposals for what is ours to refill.

And whether what is reserved agrees with the open orders.
"""

from datetime import timedelta
from decimal import Decimal

from temporalio import activity

from activities import letters
from activities.common import Dependencies, now
from adapters.database import mails, reservation_drift, stock_cover, tasks
from adapters.database.engine import Transaction
from adapters.database.stock_cover import ProposedReorder, SoldArticle
from models.supply import LowStock
from models.sync import StockWatchOutcome
from models.tasks import TaskCategory
from workflows.decisions import questions
from workflows.decisions.stock_cover import Cover, Reorder, Stocked, reorders, running_out

TASK_KEY = "stock:low"
DRIFT_KEY = "stock:reservations"
LISTED = 100  # articles that a mail or a task names
DAY = timedelta(days=1)


class StockWatchActivities:
    """The first step of ``StockWatchWorkflow``."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def watch_stock(self) -> StockWatchOutcome:
        """Find what will sell out within the days of cover, tell of it once a day, and propose reorders of our own stock.

        Stock that is enough again closes the task. Reservations that do not agree with the open orders are told of, too.
        """
        settings = self._deps.outside.configuration.low_stock
        with self._deps.database.begin() as tx:
            sold = stock_cover.sold_since(tx, now() - settings.sales_window, settings.own)
            window = Decimal(settings.sales_window / DAY)
            low = running_out(map(stocked, sold), window_days=window, cover_days=settings.cover_days)
            proposals = reorders(low, reorder_days=settings.reorder_days)
            stock_cover.propose(tx, [_proposal(one) for one in proposals], now=now())
            if low:
                self._tell(tx, low, settings)
            else:
                tasks.close_for(tx, TASK_KEY, answer="there is enough of everything again", now=now())
        self._look_for_drift()
        return StockWatchOutcome(low=len(low), proposals=len(proposals))

    def _look_for_drift(self) -> None:
        with self._deps.database.begin() as tx:
            found = reservation_drift.find(tx)
            if not found:
                tasks.close_for(tx, DRIFT_KEY, answer="all reservations agree with the open orders", now=now())
                return
            examples = "; ".join(f"{one.supplier} {one.sku}: {one.reserved}, not {one.due}" for one in found[:3])
            draft = questions.draft(TaskCategory.RESERVATIONS_DRIFTED, {"count": str(len(found)), "examples": examples})
            evidence = {"drifts": [one._asdict() for one in found[:LISTED]]}
            people = self._deps.outside.people
            tasks.open_task(tx, tasks.About(key=DRIFT_KEY), draft, evidence, people=people, now=now())

    def _tell(self, tx: Transaction, low: list[Cover], settings: LowStock) -> None:
        rows = [_row(cover) for cover in low[:LISTED]]
        examples = "; ".join(f"{row['sku'] or row['ean']}: {row['days']} days" for row in rows[:3])
        facts = {"count": str(len(low)), "days": f"{settings.cover_days.normalize():f}", "examples": examples}
        draft = questions.draft(TaskCategory.LOW_STOCK, facts)
        tasks.open_task(
            tx, tasks.About(key=TASK_KEY), draft, {"articles": rows}, people=self._deps.outside.people, now=now()
        )
        lines = [draft.question, "", *[f"{row['days']:>8} days  {row['sku']}  {row['ean']}" for row in rows]]
        recipient = self._deps.outside.configuration.mail.alerts_to
        subject = f"{len(low)} articles sell out within {facts['days']} days"
        mails.write(tx, [letters.alert(f"low-stock:{now():%Y-%m-%d}", recipient, subject, lines)], now=now())


def stocked(row: SoldArticle) -> Stocked:
    """Bring a row into the shape that the decision takes."""
    return Stocked(
        ean=row.ean,
        sku=row.sku,
        available=row.available,
        sold=row.sold,
        supplier=row.supplier or "",
        supplier_sku=row.supplier_sku or "",
        minimum=row.minimum or 1,
        pack=row.pack or 1,
    )


def _proposal(reorder: Reorder) -> ProposedReorder:
    article = reorder.cover.article
    return ProposedReorder(
        supplier=article.supplier,
        sku=article.supplier_sku,
        ean=article.ean,
        quantity=reorder.quantity,
        sold_per_day=reorder.cover.sold_per_day,
        cover_days=reorder.cover.days,
    )


def _row(cover: Cover) -> dict[str, str]:
    article = cover.article
    return {
        "ean": article.ean,
        "sku": article.sku,
        "available": str(article.available),
        "sold_per_day": f"{cover.sold_per_day:.2f}",
        "days": f"{cover.days:.1f}",
    }
