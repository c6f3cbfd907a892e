"""Judging a staged feed: whether it is believed, which of its costs wait for a person, and what is asked."""

from collections.abc import Sequence
from decimal import Decimal

from activities.common import Dependencies, now
from activities.feed_common import FeedJob, beating, bytes_gone, dumped, end, open_task, task_key
from adapters.database import feed_judging, feed_staging, feeds, tasks
from adapters.database.engine import Transaction
from adapters.database.feed_judging import HeldCost, Terms
from models.feed_rows import FeedFinding
from models.sync import Acceptance, Judged, RunState
from models.tasks import TaskCategory
from workflows.decisions import feed_judgement
from workflows.decisions.feed_judgement import FeedNumbers, Previous

COSTS = frozenset({"unit_cost"})


def judge(deps: Dependencies, job: FeedJob) -> Judged:
    """Decide whether a run is believed, in one transaction with what follows from it."""
    run = job.run
    with beating(), deps.database.begin() as tx:
        if feed_staging.staged_rows(tx, run.id) != (run.staged or 0) + (run.absent or 0):
            raise bytes_gone()
        numbers = _numbers(tx, job)
        counts = {**run.counts, **_shown(numbers)}
        findings = [_sampled(tx, job, finding) for finding in _findings(tx, job, numbers)]
        feeds.change(tx, run.id, counts=counts, findings=dumped(findings))
        against = feed_judgement.stands_after(findings, accepted_as(job))
        if against:
            return _refuse(tx, deps, job, numbers, against)
        held = _hold(tx, deps, job, numbers, findings)
        feeds.change(tx, run.id, state=RunState.JUDGED, held=held)
    return Judged(state=RunState.JUDGED, new=numbers.new, changed=numbers.changed, absent=numbers.absent, held=held)


def accepted_as(job: FeedJob) -> Acceptance | None:
    """Say how a person accepted a run that was set aside."""
    return Acceptance(job.run.decision) if job.run.decision in set(Acceptance) else None


def terms(job: FeedJob) -> Terms:
    """Say by what a feed's costs are judged."""
    return Terms(currency=job.feed.currency, price_move=job.feed.thresholds.price_move)


def _numbers(tx: Transaction, job: FeedJob) -> FeedNumbers:
    run, limits = job.run, job.feed.thresholds
    counted = feed_judging.counts(tx, run, terms(job))
    moves = max(counted.price_moves, counted.switched)
    return FeedNumbers(
        rows=run.rows or 0,
        unreadable=run.unreadable or 0,
        new=counted.new,
        changed=counted.changed,
        absent=counted.absent,
        to_zero=counted.to_zero,
        stocked=feed_judging.stocked(tx, run, job.feed.scope, part=counted.to_zero, share=limits.max_share_to_zero),
        maxed=feed_judging.maxed(tx, run.id),
        price_moves=counted.price_moves,
        switched=counted.switched,
        costed=feed_judging.costed(tx, run, job.feed.scope, part=moves, share=limits.max_share_price_moves),
    )


def _shown(numbers: FeedNumbers) -> dict[str, int]:
    names = ("new", "changed", "absent", "to_zero", "maxed", "price_moves", "switched")
    return {name: getattr(numbers, name) for name in names}


def _findings(tx: Transaction, job: FeedJob, numbers: FeedNumbers) -> list[FeedFinding]:
    run = job.run
    state = feeds.load_state(tx, run.supplier, run.feed)
    return feed_judgement.judge(
        numbers,
        job.feed.thresholds,
        scope=job.feed.scope,
        source_time=run.told_at,
        last=Previous(rows=state.rows, source_time=state.applied_source_time),
        read=[FeedFinding.model_validate(finding) for finding in run.findings],
    )


def _sampled(tx: Transaction, job: FeedJob, finding: FeedFinding) -> FeedFinding:
    """Show examples of a finding that only our own offers can give."""
    if finding.samples or finding.code not in feed_judging.SAMPLED:
        return finding
    examples = feed_judging.samples(tx, job.run, terms(job), finding.code)
    return finding.model_copy(update={"samples": tuple(example[:200] for example in examples)})


def _refuse(
    tx: Transaction, deps: Dependencies, job: FeedJob, numbers: FeedNumbers, against: Sequence[FeedFinding]
) -> Judged:
    """Set a run aside and ask a person; where no answer could help, it is refused."""
    run = job.run
    reasons = tuple(finding.code for finding in against)
    facts = {"new": numbers.new, "changed": numbers.changed, "absent": numbers.absent}
    if feed_judgement.OLDER in reasons or accepted_as(job):
        end(tx, run, RunState.REJECTED)
        return Judged(state=RunState.REJECTED, reasons=reasons, **facts)
    task_id = _ask(tx, deps, job, numbers, against)
    end(tx, run, RunState.QUARANTINED, task_id=task_id)
    feeds.forget_staged(tx, run.id)
    feeds.forget_older_quarantined(tx, run)
    return Judged(state=RunState.QUARANTINED, reasons=reasons, task_id=task_id, **facts)


def _ask(
    tx: Transaction, deps: Dependencies, job: FeedJob, numbers: FeedNumbers, against: Sequence[FeedFinding]
) -> int:
    run = job.run
    facts = {
        "feed": run.feed,
        "supplier": deps.outside.supplier_settings(run.supplier).display_name,
        "findings": "; ".join(finding.text for finding in against)[:250],
    }
    evidence = {
        "run": run.id,
        "supplier": run.supplier,
        "feed": run.feed,
        "source_time": run.told_at.isoformat(),
        "rows": numbers.rows,
        "counts": _shown(numbers),
        "findings": dumped(list(against)),
    }
    return open_task(tx, deps, TaskCategory.FEED_QUARANTINED, task_key(run), facts, evidence)


# Costs that move too far, one by one.


def _hold(
    tx: Transaction, deps: Dependencies, job: FeedJob, numbers: FeedNumbers, findings: Sequence[FeedFinding]
) -> int:
    run, accepted = job.run, accepted_as(job)
    if accepted is Acceptance.STOCK_ONLY or not COSTS & set(run.fields):
        return 0
    superseded = feed_judging.supersede_holds(tx, run, now())
    held = 0
    if (numbers.price_moves or numbers.switched) and not feed_judgement.costs_accepted(findings, accepted):
        held = feed_judging.hold_costs(tx, run, terms(job), deps.outside.configuration.supply.holds, now())
    if superseded or held:
        _ask_about_costs(tx, deps, job)
    return held


def _ask_about_costs(tx: Transaction, deps: Dependencies, job: FeedJob) -> None:
    supplier = job.run.supplier
    waiting, furthest = feed_judging.open_holds(tx, supplier)
    key = f"costs:{supplier}"
    if not waiting:
        tasks.close_for(tx, key, answer="no cost is held any more", now=now())
        return
    facts = {
        "count": str(waiting),
        "supplier": deps.outside.supplier_settings(supplier).display_name,
        "limit": f"{job.feed.thresholds.price_move:.0%}",
        "examples": "; ".join(_words(cost) for cost in furthest[:3]),
    }
    examples = [
        {"sku": cost.sku, "old": f"{cost.old_cost.normalize():f} {cost.old_currency}"}
        | {"new": f"{cost.new_cost.normalize():f} {cost.currency}", "move": _move(cost)}
        for cost in furthest
    ]
    effect = feed_judging.effect_of_holds(tx, supplier)
    evidence = {"supplier": supplier, "run": job.run.id, "waiting": waiting, "effect": effect, "examples": examples}
    open_task(tx, deps, TaskCategory.COSTS_HELD, key, facts, evidence)


def _words(cost: HeldCost) -> str:
    old, new = f"{cost.old_cost.normalize():f}", f"{cost.new_cost.normalize():f}"
    return f"{cost.sku[:40]}: {old} {cost.old_currency} -> {new} {cost.currency}"


def _move(cost: HeldCost) -> str:
    if cost.currency != cost.old_currency or not cost.old_cost:
        return "another currency"
    return f"{(cost.new_cost / cost.old_cost - Decimal(1)) * 100:+.1f} %"
