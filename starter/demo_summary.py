"""The demo's last words: what happened, the numbers, and what to try while it still runs."""

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from starter.demo_configuration import CHANNEL, FEED
from starter.demo_report import Report
from starter.demo_scenarios import PLAIN
from starter.demo_story import CHANNELS, LABELS, OLMO, Story
from starter.demo_world import World

PROSE_WIDTH = 78
ENDS_NOW = "It ends now. In a terminal and without --exit it stays up until Ctrl-C, to look around in."
WAITING_FOR_PEOPLE = "NeedsAttention=true"


def links(world: World) -> list[str]:
    """Name where to look, each short enough for 80 columns."""
    workflows = f"{world.stack.ui_url}/namespaces/{world.stack.namespace}/workflows"
    if not world.stack.ui_url:
        return [f"Temporal {world.stack.temporal_address}, namespace {world.stack.namespace}; API {world.url('api')}"]
    return [
        f"Temporal UI {world.stack.ui_url}   API {world.url('api')}/healthz",
        "What waits for a person:",
        f"{workflows}?query={WAITING_FOR_PEOPLE}",
    ]


def environment_file(world: World) -> Path:
    """Write what commands need to work on this demo, to be sourced by a shell."""
    path = world.folder / "environment"
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in world.environment.items()]
    path.write_text("".join(lines), "utf-8")
    return path


def summary(world: World, story: Story, report: Report, *, stays: bool) -> list[str]:
    """Write what happened, the numbers, and where to look next: there is something to look at only where all ``stays``."""
    return [
        "",
        *(textwrap.fill(sentence, PROSE_WIDTH) for sentence in _what_happened(story, report)),
        *(f"! {problem}" for problem in report.problems),
        "",
        *_who_got_what(story),
        "",
        *(_where_to_look(world, story) if stays else [ENDS_NOW]),
    ]


def _what_happened(story: Story, report: Report) -> list[str]:
    states = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(report.by_state.items()))
    right = sum(progress.verdict == () for progress in story.orders.values())
    events = ", ".join(f"{kind} {count:g}" for kind, count in report.events_per_order.items())
    return [
        f"{right} of {report.orders} orders are where their script says, after {report.seconds:.0f} s: {states}.",
        f"Suppliers got {report.supplier_orders_placed} orders ({report.supplier_orders_expected} expected): "
        f"{report.duplicates} too many, {report.lost} lost.",
        f"{report.doubts} got no answer when they were sent, {report.doubts_settled_without_a_person} of these were settled "
        f"without a person. Suppliers that were down for a while: {report.incidents['opened']}; back again: "
        f"{report.incidents['closed']}.",
        f"Customers got {report.customer_messages} mails, people inside {report.internal_alerts}; "
        f"{report.tasks_opened} questions were asked, {report.tasks_answered} answered by the person.",
        f"A supplier's feed ran {sum(report.feed_runs.values())} times: {report.offers_written} offers were written, the "
        f"shop shows {report.variants_shown} of them; {report.feed_runs['quarantined']} file was not believed and changed "
        "nothing.",
        f"A forged webhook was answered with {story.forged_status} and is no order.",
        f"Events in Temporal's histories, on average: {events}.",
    ]


def _who_got_what(story: Story) -> Iterator[str]:
    """List each supplier's channel, and the orders that went over it."""
    for supplier, label in LABELS.items():
        orders = [one for one in story.orders.values() if supplier in {it.supplier for it in one.purchase_orders}]
        numbers = sorted(int(one.name.removeprefix("#")) for one in orders)
        head = f"{CHANNELS[supplier]:<10} {label:<17} "
        yield from textwrap.wrap(head + ", ".join(_ranges(numbers)), PROSE_WIDTH, subsequent_indent=" " * len(head))


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """Write numbers with a dash where three or more follow one another."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        yield from [f"#{found[0]}-{found[-1]}"] if len(found) > 2 else (f"#{number}" for number in found)


def _where_to_look(world: World, story: Story) -> list[str]:
    never = story.orders["never"]
    return [
        "While it runs, look around:",
        *links(world),
        "In another terminal, in this folder:",
        f"  . {world.folder / 'environment'}",
        "  .venv/bin/dropwright orders",
        f"  .venv/bin/dropwright order show '{never.name}'",
        "  .venv/bin/dropwright tasks",
        f"  .venv/bin/dropwright sync history {OLMO} {FEED}",
        f"  .venv/bin/dropwright route explain '{story.orders['instead'].name}'",
        "What a customer was asked, and answered:",
        f"  {story.customer_page}",
        "What a supplier was asked by mail, and answered:",
        f"  {story.supplier_page}",
        "What went to and fro over the other channels:",
        "  .venv/bin/dropwright documents list",
        "Let one more customer order:",
        f'  curl -s {world.url("shop")}/_sandbox/orders -d \'{{"lines": [["{story.orders[PLAIN].eans[0]}", 1]]}}\' >/dev/null',
        f"Its channel is called {CHANNEL}; the logs of every process are in {world.folder}.",
    ]
