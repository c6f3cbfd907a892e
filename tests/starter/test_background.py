from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import (
    Client,
    DescribeScheduleInput,
    Interceptor,
    OutboundInterceptor,
    PauseScheduleInput,
    ScheduleDescription,
    UpdateScheduleInput,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode

from models.identifiers import MAIL_WORKFLOW_ID
from starter import patience, schedules, search_attributes
from starter.client import connect
from starter.patience import FIRST_LIMITS, TELLINGS, PatientAboutSchedules
from starter.search_attributes import SearchAttributesError, type_name
from starter.temporal_server import TemporalServer
from tests.starter.conftest import Background, register_namespace
from tests.starter.world import CommandLine


@pytest.fixture
def client(own_temporal: CommandLine, background: Background) -> Client:
    return background.run(connect())


def test_a_fresh_namespace_gets_every_search_attribute_and_can_use_it_at_once(
    client: Client, background: Background
) -> None:
    assert set(background.run(search_attributes.compare(client)).missing) == set(search_attributes.wanted())

    background.run(search_attributes.ensure(client))
    background.run(search_attributes.ensure(client))

    assert background.run(search_attributes.compare(client)).missing == ()
    assert background.run(client.count_workflows("NeedsAttention = true AND Suppliers = 'bts'")).count == 0


def test_a_name_that_has_another_type_is_refused_with_the_commands_that_repair_it(
    temporal_server: TemporalServer, background: Background
) -> None:
    background.run(register_namespace(temporal_server.address, "wrong-types"))
    client = background.run(Client.connect(temporal_server.address, namespace="wrong-types"))
    request = AddSearchAttributesRequest(namespace="wrong-types")
    request.search_attributes["OrderTotal"] = search_attributes.wanted()["Channel"]  # type: ignore[assignment]
    background.run(client.operator_service.add_search_attributes(request))

    with pytest.raises(SearchAttributesError) as caught:
        background.run(search_attributes.ensure(client))

    assert "OrderTotal is Keyword" in str(caught.value)
    assert "remove --namespace wrong-types --name OrderTotal --yes" in str(caught.value)
    assert "create --namespace wrong-types --name OrderTotal --type Double" in str(caught.value)


def test_types_are_written_as_the_temporal_cli_takes_them() -> None:
    names = {name: type_name(kind) for name, kind in search_attributes.wanted().items()}

    assert names["Suppliers"] == "KeywordList"
    assert names["PromisedBy"] == "Datetime"
    assert names["NeedsAttention"] == "Bool"


def test_the_sweep_is_scheduled_once_follows_its_interval_and_stays_paused(
    client: Client, background: Background
) -> None:
    handle = client.get_schedule_handle(schedules.SWEEP_SCHEDULE_ID)

    for minutes in (60, 60, 30):
        background.run(schedules.ensure_sweep_schedule(client, timedelta(minutes=minutes)))
    background.run(handle.pause(note="a person looks"))
    background.run(schedules.ensure_sweep_schedule(client, timedelta(minutes=45)))

    found = background.run(handle.describe()).schedule
    assert [one.every for one in found.spec.intervals] == [timedelta(minutes=45)]
    assert found.state.paused
    assert found.policy.overlap.name == "SKIP"
    assert found.policy.catchup_window == timedelta(minutes=10)


@dataclass
class Losing(Interceptor):
    """Between a client and its server: this many questions about schedules get no answer."""

    left: int
    deaf_to: int = 0  # so many pauses are taken, and taken back
    told: int = 0
    limits: list[timedelta | None] = field(default_factory=list)

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002
        return _Losing(next, self)


class _Losing(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, losing: Losing) -> None:  # noqa: A002
        super().__init__(next)
        self.losing = losing
        self.limits = losing.limits

    async def describe_schedule(self, input: DescribeScheduleInput) -> ScheduleDescription:  # noqa: A002
        self.limits.append(input.rpc_timeout)
        self.lose()
        return await super().describe_schedule(input)

    async def update_schedule(self, input: UpdateScheduleInput) -> None:  # noqa: A002
        self.lose()
        await super().update_schedule(input)

    async def pause_schedule(self, input: PauseScheduleInput) -> None:  # noqa: A002
        self.losing.told += 1
        if self.losing.told > self.losing.deaf_to:
            await super().pause_schedule(input)

    def lose(self) -> None:
        if self.losing.left > 0:
            self.losing.left -= 1
            raise RPCError("Timeout expired", RPCStatusCode.CANCELLED, b"")


def test_a_question_about_a_schedule_that_gets_no_answer_is_asked_again(
    client: Client, background: Background, temporal_server: TemporalServer
) -> None:
    losing = Losing(0)
    asking = background.run(
        Client.connect(
            temporal_server.address, namespace=client.namespace, interceptors=[PatientAboutSchedules(), losing]
        )
    )
    handle = asking.get_schedule_handle(schedules.SWEEP_SCHEDULE_ID)
    background.run(schedules.ensure_sweep_schedule(asking, timedelta(minutes=20)))

    losing.left = len(FIRST_LIMITS)
    background.run(schedules.ensure_sweep_schedule(asking, timedelta(minutes=25)))
    losing.left = len(FIRST_LIMITS)
    found = background.run(handle.describe()).schedule
    assert losing.limits == [*FIRST_LIMITS, None]
    losing.left = len(FIRST_LIMITS) + 1
    with pytest.raises(RPCError):
        background.run(handle.describe())
    losing.left = 1
    with pytest.raises(RPCError):
        background.run(handle.describe(rpc_timeout=timedelta(seconds=9)))

    assert [one.every for one in found.spec.intervals] == [timedelta(minutes=25)]


def test_a_pause_that_follows_a_change_closely_holds(client: Client, background: Background) -> None:
    handle = client.get_schedule_handle(schedules.SWEEP_SCHEDULE_ID)
    for minutes in range(30, 42):
        background.run(schedules.ensure_sweep_schedule(client, timedelta(minutes=minutes)))
        background.run(handle.pause(note="a person looks"))
        assert background.run(handle.describe()).schedule.state.paused
        background.run(handle.unpause(note="and has seen"))
        assert not background.run(handle.describe()).schedule.state.paused


@pytest.mark.parametrize("lost", [1, TELLINGS])
def test_a_pause_that_is_taken_back_is_told_again_or_refused(
    client: Client, background: Background, temporal_server: TemporalServer, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LOOKS", 3)
    losing = Losing(0, deaf_to=lost)
    telling = background.run(
        Client.connect(
            temporal_server.address, namespace=client.namespace, interceptors=[PatientAboutSchedules(), losing]
        )
    )
    background.run(schedules.ensure_sweep_schedule(client, timedelta(minutes=45)))
    handle = telling.get_schedule_handle(schedules.SWEEP_SCHEDULE_ID)

    if lost == TELLINGS:
        with pytest.raises(TimeoutError, match="sweep/intake was told to pause and does not: try again"):
            background.run(handle.pause())
    else:
        background.run(handle.pause())
        assert background.run(handle.describe()).schedule.state.paused
        background.run(handle.unpause())

    assert losing.told == min(lost + 1, TELLINGS)


def test_every_client_of_ours_asks_again(client: Client) -> None:
    assert [type(one) for one in client.config()["interceptors"]] == [PatientAboutSchedules]


def test_the_dispatcher_runs_once_and_is_brought_back(client: Client, background: Background) -> None:
    handle = client.get_workflow_handle(MAIL_WORKFLOW_ID)
    background.run(schedules.ensure_mail_dispatcher(client))
    first = background.run(handle.describe())

    background.run(schedules.ensure_mail_dispatcher(client))
    assert background.run(handle.describe()).run_id == first.run_id

    background.run(handle.terminate())
    background.run(schedules.ensure_mail_dispatcher(client))
    assert background.run(handle.describe()).status is WorkflowExecutionStatus.RUNNING
    background.run(handle.terminate())
