from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

TASK_QUEUE = "embedded"


@workflow.defn(name="SleepsForAWeek", sandboxed=False)
class SleepsForAWeek:
    @workflow.run
    async def run(self) -> float:
        started = workflow.now()
        await workflow.sleep(timedelta(days=7))
        return (workflow.now() - started).total_seconds()


async def test_the_time_skipping_server_skips_a_week(time_skipping_env: WorkflowEnvironment) -> None:
    async with Worker(time_skipping_env.client, task_queue=TASK_QUEUE, workflows=[SleepsForAWeek]):
        slept = await time_skipping_env.client.execute_workflow(SleepsForAWeek.run, id="week", task_queue=TASK_QUEUE)

    assert slept >= timedelta(days=7).total_seconds()


async def test_the_module_shares_one_time_skipping_server(time_skipping_env: WorkflowEnvironment) -> None:
    description = await time_skipping_env.client.get_workflow_handle("week").describe()

    assert description.workflow_type == "SleepsForAWeek"


async def test_the_session_client_reaches_the_dev_server(temporal_client: Client) -> None:
    handle = await temporal_client.start_workflow("Nothing", id="nothing", task_queue="nobody")

    assert (await handle.describe()).workflow_type == "Nothing"
    await handle.terminate()
