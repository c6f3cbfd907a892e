"""The page on which a customer says what shall become of units that can't be delivered. No address, no script.

Looking answers nothing: mail scanners follow links. Whoever holds the link may answer, once, until it runs out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import structlog
from sqlalchemy.exc import SQLAlchemyError

from activities.letters import IF_SILENT, date_of, day
from adapters.database import customer_questions
from adapters.database.configurations import ConfigurationStore, NoConfigurationError
from adapters.database.customer_questions import PendingAnswer, Question
from adapters.database.engine import Database
from models.backordering import Answer, AskedLine, CustomerChoice, LineAnswer
from starter.public_pages import STYLE, TEMPLATES, headers_for
from workflows.decisions.links import BadLinkError, ExpiredLinkError, Purpose, read_link

MAX_BODY = 32 * 1024  # bytes of a form: an order may have 500 lines
MOST_FIELDS = 600
INSTEAD = "instead:"
HEADERS = headers_for(STYLE)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Page:
    """What is shown, and ``outcome``, the word for the log."""

    outcome: str
    title: str
    status: int = 200
    sentences: Sequence[str] = ()
    problem: str = ""
    decided: Sequence[str] = ()
    lines: Sequence[Mapping[str, Any]] = field(default=())

    def html(self) -> str:
        """Render it. Every text is escaped: titles come from shops and suppliers."""
        return TEMPLATES.get_template("customer.html.j2").render(
            style=STYLE,
            title=self.title,
            sentences=self.sentences,
            problem=self.problem,
            decided=self.decided,
            lines=self.lines,
        )


UNAVAILABLE = Page("unavailable", "Please try again in a minute", 503, ["We can't reach our records right now."])
TOO_MUCH = Page("too_much", "That could not be read", 413, ["Please open the link from the mail once more."])


@dataclass(frozen=True)
class Taken:
    """What a posted form led to: the answer to deliver where it was the first, else only what is shown."""

    page: Page
    answer: PendingAnswer | None = None
    kept: bool = False  # there is an answer now: this one, or the one before


class UnreadableAnswerError(ValueError):
    """A form that our page would not send; the message is for the customer."""


class CustomerPages:
    """Shows questions and takes answers. Blocking: call it on a thread."""

    def __init__(self, database: Database, configurations: ConfigurationStore, secrets: Callable[[str], str]) -> None:
        """Judge by the newest configuration; ``secrets`` reads a named secret, "" where it is not set."""
        self._database = database
        self._configurations = configurations
        self._secrets = secrets

    def show(self, token: str) -> Page:
        """Show a question, its answer, or why there is none."""
        try:
            return _page(self._find(token, datetime.now(UTC)))
        except (BadLinkError, ExpiredLinkError, SQLAlchemyError, NoConfigurationError) as error:
            return _sorry(error)

    def take(self, token: str, body: bytes) -> Taken:
        """Keep the answer of a posted form. The first one stands; another changes nothing."""
        now = datetime.now(UTC)
        try:
            question = self._find(token, now)
            if question.answer is not None:
                return Taken(_page(question), kept=True)
            if question.over:
                return Taken(_page(question))
            given = _read(body, question)
            with self._database.begin() as tx:
                first = customer_questions.answer(tx, question.id, given, now=now)
                pending = customer_questions.pending(tx, question.id) if first else None
            page = self.show(token)
            return Taken(page, pending, kept=page.status == 200)
        except UnreadableAnswerError as error:
            return Taken(_page(question, problem=str(error)))
        except (BadLinkError, ExpiredLinkError, SQLAlchemyError, NoConfigurationError) as error:
            return Taken(_sorry(error))

    def _find(self, token: str, now: datetime) -> Question:
        settings = self._configurations.current().configuration.customers
        if settings is None:
            raise BadLinkError
        names = (settings.link_secret_env, settings.previous_link_secret_env)
        secrets = [self._secrets(name) for name in names if name]
        question_id = read_link(Purpose.CUSTOMER_QUESTION, token, secrets, now=now)
        with self._database.begin() as tx:
            question = customer_questions.read(tx, question_id)
        if question is None:
            raise BadLinkError
        return question


def _sorry(error: Exception) -> Page:
    if isinstance(error, BadLinkError):
        words = "This link leads nowhere. Please open it from the mail once more, as a whole."
        return Page("bad_link", "We can't find this page", 404, [words])
    if isinstance(error, ExpiredLinkError):
        words = "The time to answer is over. Without an answer we have gone on as the mail said. The shop can tell you more."
        return Page("expired_link", "This link has run out", 410, [words])
    log.warning("customer_page_unavailable", reason=type(error).__name__)
    return UNAVAILABLE


def _page(question: Question, problem: str = "") -> Page:
    if question.answer is not None:
        words = "Thank you. This is what you have told us:"
        return Page("answered", f"Your order {question.order_name}", 200, [words], decided=_decided(question))
    if question.over:
        words = "Your answer is no longer needed: this has been settled meanwhile. The shop can tell you more."
        return Page("over", "Nothing left to decide", 410, [words])
    silence = IF_SILENT[question.when_silent].format(wait_until=date_of(question.wait_until))
    return Page(
        "refused" if problem else "asked",
        f"Your order {question.order_name}",
        422 if problem else 200,
        [
            "We can't deliver these articles now. What shall we do?",
            f"Please answer by {day(question.answer_by)}. If we hear nothing, {silence}.",
        ],
        problem,
        lines=[_fieldset(number, line, question) for number, line in enumerate(question.lines)],
    )


def _fieldset(number: int, line: AskedLine, question: Question) -> dict[str, Any]:
    choices = [{"value": "wait", "label": f"Wait for it, until {date_of(question.wait_until)} at most"}]
    choices += [
        {"value": f"{INSTEAD}{one.ean}", "label": f"Send me instead, at the same price: {one.title}"}
        for one in line.alternatives
    ]
    choices.append({"value": "cancel", "label": "Leave it out, and pay me back"})
    return {"field": f"line-{number}", "units": line.units, "title": line.title, "choices": choices}


def _decided(question: Question) -> list[str]:
    assert question.answer is not None
    if question.answer.cancel_all:
        return ["Cancel everything that has not been sent yet"]
    lines = {line.line_id: line for line in question.lines}
    return [_in_words(lines[one.line_id], one, question) for one in question.answer.lines if one.line_id in lines]


def _in_words(line: AskedLine, given: LineAnswer, question: Question) -> str:
    about = f"{line.units} × {line.title}"
    if given.choice is CustomerChoice.WAIT:
        return f"{about}: wait for it, until {date_of(question.wait_until)} at most"
    if given.choice is CustomerChoice.CANCEL_LINE:
        return f"{about}: leave it out"
    titles = {one.ean: one.title for one in line.alternatives}
    return f"{about}: send instead {titles.get(given.ean or '', given.ean)}"


def _read(body: bytes, question: Question) -> Answer:
    """Read a form. Raises UnreadableAnswerError where a line has no choice, or one that is not offered."""
    try:
        fields = dict(parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise UnreadableAnswerError("Please choose once more: that could not be read.") from None
    if fields == {"all": "cancel"}:
        return Answer(cancel_all=True)
    return Answer(
        lines=tuple(_chosen(fields.get(f"line-{number}", ""), line) for number, line in enumerate(question.lines))
    )


def _chosen(value: str, line: AskedLine) -> LineAnswer:
    if value == "wait":
        return LineAnswer(line_id=line.line_id, choice=CustomerChoice.WAIT)
    if value == "cancel":
        return LineAnswer(line_id=line.line_id, choice=CustomerChoice.CANCEL_LINE)
    offered = {f"{INSTEAD}{one.ean}": one.ean for one in line.alternatives}
    if value not in offered:
        raise UnreadableAnswerError("Please choose one of the answers for each article.")
    return LineAnswer(line_id=line.line_id, choice=CustomerChoice.ALTERNATIVE, ean=offered[value])
