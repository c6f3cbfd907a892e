"""Commands on tasks: what people are asked, and their answers."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from stdnum import ean as gtin
from temporalio.service import RPCError

from adapters.database import orders, submissions, tasks, timeline, views
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.database.views import OrderLineRecord, OrderRecord
from models.articles import normalise_ean
from models.commands import CommandName
from models.statuses import TaskState
from models.tasks import SupplyAnswer, TaskCategory
from starter import pages, shapes, supply_answers
from starter.commands import steering
from starter.console import (
    AsJson,
    CommandFailedError,
    Who,
    acting,
    console,
    print_table,
    read_settings,
    say,
    write_json,
)
from starter.jobs import Job, Manner, build, carry_out
from starter.opening import TemporalAwayError, connect_temporal, opened_database
from starter.references import target_of_task

app = typer.Typer(no_args_is_help=True, help="Look at a question, answer it.")

TaskId = Annotated[int, typer.Argument(metavar="ID", help="The task's number.", min=1)]
MAX_EAN = 40


def list_tasks(
    *,
    category: Annotated[TaskCategory | None, typer.Option(help="Only tasks of this category.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the open tasks, the most urgent first.

    Example: dropwright tasks --category submit_unknown

    JSON: a list of the shape of `dropwright task show`
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        found = tasks.list_open(tx, category=category)
        known = {order.id: order for order in views.read_orders(tx, {task["order_id"] for task in found} - {None})}
    rows = [shapes.task_shape(task, known.get(task["order_id"])) for task in found]
    if as_json:
        write_json(rows)
        return
    columns = ("task", "priority", "name", "category", "owner", "question", "opened_at")
    print_table([column.replace("_", " ") for column in columns], [[row[column] for column in columns] for row in rows])


@app.command("show")
def show_task(
    task_id: TaskId,
    *,
    personal: Annotated[bool, typer.Option("--personal", help="Also the request as it was sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a task: the question, what is known, and each answer as a command, with what follows from it.

    Example: dropwright task show 12

    JSON: {"task", "order", "name", "category", "owner", "question", "priority", "state", "opened_at", "remind_at",
    "if_silent", "evidence", "alternatives": [{"answer", "label", "consequence", "command"}], "answer", "answered_by",
    "closed_at", "lines": […], "last_attempt": only with --personal}
    """
    with opened_database(read_settings()) as database:
        task, order = _find(database, task_id)
        with database.begin() as tx:
            lines = views.read_lines(tx, order.id) if order else []
            share = task["purchase_order_id"]
            attempt = submissions.latest_attempt(tx, share) if personal and share else None
    shape = shapes.task_shape(task, order)
    if as_json:
        rows = [{**vars(line), "open": line.open} for line in lines]
        write_json(shape | {"lines": rows} | ({"last_attempt": attempt} if personal else {}))
        return
    pages.print_task(shape)
    _print_lines(task, lines)
    if attempt:
        console().print(
            f"Last sent {attempt['claimed_at']:%d %b %H:%M:%SZ}, {attempt['outcome']}: {attempt['request']}"
        )


def _print_lines(task: dict[str, Any], lines: list[OrderLineRecord]) -> None:
    """Show which lines lack an article, where that is what is asked."""
    if task["category"] == TaskCategory.ARTICLE_UNKNOWN:
        headings = ("line", "variant", "SKU", "article", "EAN")
        rows = [(line.line_id, line.variant_id, line.sku, line.title, line.ean) for line in lines]
        print_table(headings, [row for row in rows if not row[-1]] or rows)


@dataclass(frozen=True, kw_only=True)
class Given:
    """What was typed beside the answer."""

    tracking: str | None
    carrier: str | None
    number: str | None
    by: str | None
    how_long: str | None
    eans: list[str]
    address: dict[str, str]

    def fields_for(self, name: CommandName) -> dict[str, Any]:
        """Pick what this command carries. Raises CommandFailedError for what does not go with it."""
        by_name = {
            "tracking_number": ("--tracking", self.tracking, {CommandName.MARK_SHIPPED}),
            "carrier": ("--carrier", self.carrier, {CommandName.MARK_SHIPPED}),
            "supplier_number": ("--number", self.number, {CommandName.CONFIRM_SUBMISSION}),
            "extend_by": ("--by", self.by, {CommandName.EXTEND_TRACKING}),
            "wait_for": ("--for", self.how_long, {CommandName.WAIT}),
        }
        strange = [option for option, value, commands in by_name.values() if value is not None and name not in commands]
        strange += ["--ean"] if self.eans and name is not CommandName.RELEASE else []
        strange += ["address options"] if self.address and name is not CommandName.CHANGE_ADDRESS else []
        if strange:
            raise CommandFailedError(f"{', '.join(strange)}: does not go with the answer {name.replace('_', '-')}")
        return {field: value for field, (_, value, _) in by_name.items() if value is not None}


@app.command("answer")
def answer_task(
    task_id: TaskId,
    answer: Annotated[str, typer.Argument(metavar="ANSWER", help="As `dropwright task show ID` lists them.")],
    *,
    tracking: Annotated[str | None, typer.Option(help="For mark-shipped: the parcel's number.")] = None,
    carrier: Annotated[str | None, typer.Option(help="For mark-shipped: who carries it.")] = None,
    number: Annotated[str | None, typer.Option(help="For confirm-submission: the supplier's number.")] = None,
    by: Annotated[str | None, typer.Option(metavar="DURATION", help="For extend-tracking: 24h, 2d.")] = None,
    how_long: Annotated[str | None, typer.Option("--for", metavar="DURATION", help="For wait: 72h, 14d.")] = None,
    ean: Annotated[
        list[str] | None, typer.Option(metavar="VARIANT=EAN", help="For an unknown article: which one it is.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="For change-address, as are the next ones.")] = None,
    company: Annotated[str | None, typer.Option()] = None,
    address1: Annotated[str | None, typer.Option()] = None,
    address2: Annotated[str | None, typer.Option()] = None,
    city: Annotated[str | None, typer.Option()] = None,
    state: Annotated[str | None, typer.Option()] = None,
    postal_code: Annotated[str | None, typer.Option()] = None,
    country: Annotated[str | None, typer.Option()] = None,
    phone: Annotated[str | None, typer.Option()] = None,
    note: steering.Note = None,
    who: Who = None,
    command_id: steering.CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Answer a task. The order goes on at once; the second of two answers is refused.

    Examples: dropwright task answer 12 confirm-submission --number A12345;
    dropwright task answer 13 release --ean 900=4006381333931; dropwright task answer 14 done;
    dropwright task answer 15 accept-stock

    JSON: as of `dropwright order release` where an order waits for it, else [{"task", "outcome", "message"}]; exit
    code 1 where it was refused, 3 where no answer came in time.
    """
    address = steering.address_fields(
        name=name,
        company=company,
        address1=address1,
        address2=address2,
        city=city,
        province_code=state,
        postal_code=postal_code,
        country_code=country,
        phone=phone,
    )
    given = Given(
        tracking=tracking, carrier=carrier, number=number, by=by, how_long=how_long, eans=ean or [], address=address
    )
    manner = Manner(actor=acting(who), note=note, command_id=command_id)
    with opened_database(read_settings()) as database:
        task, order = _find(database, task_id)
        _require_open(task)
        chosen = _alternative(task, answer)
        if chosen["command"] is None:
            _close(database, task, manner.actor, as_json=as_json)
        elif chosen["command"] in set(SupplyAnswer):
            _answer_supply(database, task, SupplyAnswer(chosen["command"]), manner.actor, as_json=as_json)
        else:
            _send(database, task, order, CommandName(chosen["command"]), given, manner, as_json=as_json)


def _find(database: Database, task_id: int) -> tuple[dict[str, Any], OrderRecord | None]:
    with database.begin() as tx:
        task = tasks.find(tx, task_id)
        if task is None:
            raise CommandFailedError(f"there is no task {task_id}; `dropwright tasks` lists the open ones")
        found = views.read_orders(tx, [task["order_id"]]) if task["order_id"] else []
    return task, found[0] if found else None


def _require_open(task: dict[str, Any]) -> None:
    if task["state"] != TaskState.OPEN:
        raise CommandFailedError(
            f"task {task['id']} is closed: {task['answered_by']} answered {task['answer']!r} at "
            f"{task['closed_at']:%d %b %H:%M:%SZ}"
        )


def _alternative(task: dict[str, Any], answer: str) -> dict[str, Any]:
    by_word = {(one["command"] or shapes.DONE).replace("_", "-"): one for one in task["alternatives"]}
    word = answer.lower().replace("_", "-")
    if word not in by_word:
        raise CommandFailedError(f"task {task['id']} takes {', '.join(by_word)}; not {answer}")
    chosen: dict[str, Any] = by_word[word]
    return chosen


def _close(database: Database, task: dict[str, Any], actor: str, *, as_json: bool) -> None:
    """Close a task that nobody waits for."""
    now = datetime.now(UTC)
    with database.begin() as tx:
        if not tasks.close(tx, task["id"], TaskState.ANSWERED, answer=shapes.DONE, by=actor, now=now):
            raise CommandFailedError(f"task {task['id']} was closed by somebody else just now")
        if task["order_id"] is not None:
            timeline.tell(
                tx,
                task["order_id"],
                "task.answered",
                at=now,
                actor=actor,
                purchase_order_id=task["purchase_order_id"],
                task=task["id"],
                category=task["category"],
            )
    _say_accepted(task["id"], "the task is closed", as_json=as_json)


def _say_accepted(task_id: int, message: str, *, as_json: bool) -> None:
    if as_json:
        write_json([{"task": task_id, "outcome": "accepted", "message": message}])
    else:
        console().print(f"task {task_id}: {message}")


def _answer_supply(
    database: Database, task: dict[str, Any], answer: SupplyAnswer, actor: str, *, as_json: bool
) -> None:
    """Answer a question about feeds, costs, drift or documents: it takes effect here, and what follows is asked for."""
    configuration = ConfigurationStore(database).current().configuration
    try:
        effect = supply_answers.record_answer(
            database, task, answer, by=actor, configuration=configuration, now=datetime.now(UTC)
        )
    except supply_answers.AnswerRefusedError as error:
        raise CommandFailedError(str(error)) from None
    message = effect.message
    if effect.has_follow_up:
        try:
            message = asyncio.run(_follow_up(effect))
        except (TemporalAwayError, RPCError):
            message = f"{effect.message}; Temporal does not answer, and a worker sees to the rest once it does"
    _say_accepted(task["id"], message, as_json=as_json)


async def _follow_up(effect: supply_answers.Effect) -> str:
    return await supply_answers.follow_up(await connect_temporal(), effect)


def _send(
    database: Database,
    task: dict[str, Any],
    order: OrderRecord | None,
    name: CommandName,
    given: Given,
    manner: Manner,
    *,
    as_json: bool,
) -> None:
    if order is None or task["workflow_id"] is None:
        raise CommandFailedError(f"no order waits for task {task['id']}: it can't be answered with {name}")
    fields = given.fields_for(name)
    mappings = _read_mappings(database, order, given.eans)
    if name is CommandName.CHANGE_ADDRESS:
        fields["address_id"] = steering.store_address(database, order.id, given.address, manner.actor)
    command = build(name, manner, task_id=task["id"], **fields)
    for variant, ean in mappings.items():
        map_article(database, order.channel, variant, ean, manner.actor)
    target = target_of_task(order, task["workflow_id"])
    carry_out(database, [Job(target=target, command=command, order=order)], manner, as_json=as_json)


def _read_mappings(database: Database, order: OrderRecord, given: list[str]) -> dict[str, str]:
    """Read ``VARIANT=EAN`` pairs; a bare EAN is for the only line that has none."""
    with database.begin() as tx:
        lines = views.read_lines(tx, order.id)
    known = {line.variant_id for line in lines}
    mappings: dict[str, str] = {}
    for pair in given:
        variant, _, ean = pair.rpartition("=")
        variant = variant.strip() or _only_unknown(lines)
        if variant not in known:
            raise CommandFailedError(f"{order.name} has no variant {variant}: {', '.join(sorted(known))}")
        mappings[variant] = ean
    return mappings


def _only_unknown(lines: list[OrderLineRecord]) -> str:
    unknown = sorted({line.variant_id for line in lines if not line.ean})
    if len(unknown) != 1:
        raise CommandFailedError(
            f"say which variant: --ean VARIANT=EAN, for {', '.join(unknown) or 'one of its lines'}"
        )
    return unknown[0]


def map_article(database: Database, channel: str, variant: str, ean: str, actor: str) -> str:
    """Keep which article a variant is; returns the EAN as kept. A wrong check digit is only warned about."""
    kept = normalise_ean(ean)
    if not 0 < len(kept) <= MAX_EAN:
        raise CommandFailedError(f"an EAN has 1 to {MAX_EAN} characters")
    if not gtin.is_valid(kept):
        say(f"warning: {kept} is no EAN by its check digit; it is ordered as it stands")
    with database.begin() as tx:
        orders.map_article(tx, channel, variant, kept, by=actor, now=datetime.now(UTC))
    return kept
