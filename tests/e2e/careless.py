"""A workflow that leaks on purpose, in one place of its history at a time: what finds nothing here finds nothing."""

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError

from tests.e2e.sales import PLANTED_WORDS
from workflows.search_attributes import CHANNEL_ORDER

QUEUE = "careless"
LEAK = f"for Ms {PLANTED_WORDS[1].upper()}, at home"
AT_MOST = timedelta(seconds=20)
NOT_AGAIN_SOON = RetryPolicy(initial_interval=timedelta(minutes=5))

# What whoever starts it leaks, by place.
AT_START: dict[str, dict[str, Any]] = {
    "workflow id": {"id": f"careless/{LEAK}"},
    "input": {"arg": LEAK},
    "memo": {"memo": {"note": LEAK}},
    "search attribute": {"search_attributes": TypedSearchAttributes([SearchAttributePair(CHANNEL_ORDER, LEAK)])},
    "summary": {"static_summary": LEAK},
    "details": {"static_details": LEAK},
    "signal": {"start_signal": "tell", "start_signal_args": [LEAK]},
}


@activity.defn
async def pass_on(text: str) -> str:
    """Return what came in."""
    return text


@activity.defn
async def refuse() -> None:
    """Fail, and say for whom."""
    raise ApplicationError(LEAK)


@activity.defn
async def return_a_name() -> str:
    """Return what must not be returned."""
    return LEAK


@workflow.defn(sandboxed=False)
class Careless:
    """Leaks in one place, if the place is one of its own."""

    @workflow.run
    async def run(self, place: str) -> str:
        """Leak there."""
        within: dict[str, Any] = {"start_to_close_timeout": AT_MOST}
        match place:
            case "activity input":
                await workflow.execute_activity(pass_on, LEAK, **within)
            case "activity result":
                await workflow.execute_activity(return_a_name, **within)
            case "activity summary":
                await workflow.execute_activity(pass_on, "", summary=LEAK, **within)
            case "pending failure":
                await workflow.execute_activity(refuse, retry_policy=NOT_AGAIN_SOON, **within)
            case "failed activity":
                await workflow.execute_activity(refuse, retry_policy=RetryPolicy(maximum_attempts=1), **within)
            case "timer summary":
                await workflow.sleep(0.01, summary=LEAK)
            case "later search attribute":
                workflow.upsert_search_attributes([CHANNEL_ORDER.value_set(LEAK)])
            case "later memo":
                workflow.upsert_memo({"note": LEAK})
            case "failure":
                raise ApplicationError(LEAK)
        return LEAK if place == "result" else "done"

    @workflow.signal
    async def tell(self, text: str) -> None:
        """Hear something."""


INSIDE = (
    "activity input",
    "activity result",
    "activity summary",
    "pending failure",
    "failed activity",
    "timer summary",
    "later search attribute",
    "later memo",
    "failure",
    "result",
)
PLACES = (*AT_START, *INSIDE)


async def leak(client: Client, place: str) -> str:
    """Start a workflow that leaks in this place and in no other; returns its id."""
    started: dict[str, Any] = {"id": f"careless/{PLACES.index(place)}", "arg": place, **AT_START.get(place, {})}
    handle = await client.start_workflow(Careless.run, **started, task_queue=QUEUE)
    return handle.id
