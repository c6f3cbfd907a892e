"""Our connection to Temporal, found by the standard ``TEMPORAL_*`` variables and profiles."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig

DEFAULT_ADDRESS = "localhost:7233"


async def connect(*, lazy: bool = False) -> Client:
    """Connect to Temporal. A lazy client connects at its first call, again after an outage; no worker can use it."""
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", DEFAULT_ADDRESS)
    return await Client.connect(**config, data_converter=pydantic_data_converter, lazy=lazy)
