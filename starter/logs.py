"""Logs: structlog for everything, ours and the libraries'; JSON for machines, readable lines in a terminal.

They go to stderr, because stdout belongs to what a command answers. Every line written inside an activity or a workflow
names the workflow and, where its id tells, the order and the purchase order. What looks secret or personal is taken
out here once more, as a last line of defence: nothing of ours should have put it in.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor
from temporalio import activity, workflow

REMOVED = "[removed]"
_PRIVATE_WORDS = re.compile(
    r"token|secret|passw|authorization|api_?key|cookie|credential|e_?mail|phone|telephone|recipient|address|street|postal|zip"
)
_MAIL_ADDRESS = re.compile(r"[^\s@<>\"'(]+@[^\s@<>\"')]+\.[A-Za-z]{2,}")
_CREDENTIAL = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")
# A URL with its userinfo (a database's password) or its query (an address that a rate was asked for).
_USERINFO = re.compile(r"(?<=://)[^\s/@]+:[^\s/@]+@")
_QUIET = ("httpx", "httpcore", "alembic", "sqlalchemy", "asyncio", "aiosmtpd", "mail.log")
_NOISE = ("temporal_activity", "temporal_workflow", "temporal_nexus_operation")


def configure_logs(log_format: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log line, from structlog and from ``logging``, through one pipeline to ``stream`` (default stderr).

    ``log_format`` is json, console, or auto: console where the stream is a terminal.
    """
    stream = stream or sys.stderr
    readable = log_format == "console" or (log_format == "auto" and stream.isatty())
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:2], structlog.stdlib.ExtraAdder(), *shared[2:]],
            processors=[*_final_processors(readable=readable, colours=stream.isatty())],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    _calm_libraries()


def _shared_processors() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.add_logger_name,
        add_execution_ids,
    ]


def _final_processors(*, readable: bool, colours: bool) -> list[Processor]:
    """Redact after an exception has become text, because its text may quote what must not be logged."""
    ending: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact,
    ]
    if readable:
        return [*ending, structlog.dev.ConsoleRenderer(colors=colours)]
    return [*ending, structlog.processors.JSONRenderer(default=str)]


def _calm_libraries() -> None:
    # httpx logs each URL, and a rate's URL holds a postcode; uvicorn's access log is replaced by our own.
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False


def add_execution_ids(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Name the workflow, the activity's attempt, the order and the purchase order that this line is about."""
    if activity.in_activity():
        info = activity.info()
        event.setdefault("activity", info.activity_type)
        event.setdefault("attempt", info.attempt)
        _name_workflow(event, info.workflow_id)
    elif workflow.in_workflow():
        _name_workflow(event, workflow.info().workflow_id)
    else:
        _name_workflow(event, _id_in_extra(event))
    for name in (*_NOISE, "color_message", "__temporal_error_identifier"):
        event.pop(name, None)
    return event


def _id_in_extra(event: EventDict) -> str | None:
    """Find the workflow id in what temporalio's own loggers attach to a line."""
    for name in _NOISE:
        details = event.get(name)
        if isinstance(details, Mapping) and isinstance(details.get("workflow_id"), str):
            return str(details["workflow_id"])
    return None


def _name_workflow(event: EventDict, workflow_id: str | None) -> None:
    if not workflow_id:
        return
    event.setdefault("workflow_id", workflow_id)
    kind, _, rest = workflow_id.partition("/")
    parts = rest.split("/")
    if kind == "order" and len(parts) == 2:
        event.setdefault("order", rest)
    elif kind == "purchase-order" and len(parts) == 4:
        event.setdefault("order", "/".join(parts[:2]))
        event.setdefault("purchase_order", rest)


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Take out values under secret or personal names, and mail addresses and credentials inside any text."""
    for name in list(event):
        event[name] = REMOVED if _PRIVATE_WORDS.search(str(name).lower()) else _clean(event[name])
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        text = _USERINFO.sub(f"{REMOVED}@", value)
        return _MAIL_ADDRESS.sub(REMOVED, _CREDENTIAL.sub(REMOVED, text))
    if isinstance(value, MutableMapping):
        return redact(None, "", dict(value))
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value
