"""Our connection to Temporal, found by the standard ``TEMPORAL_*`` variables and profiles."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig

from starter.patience import PatientAboutSchedules

DEFAULT_ADDRESS = "localhost:7233"


class TemporalSettingsError(RuntimeError):
    """The variables or the profile that say where Temporal is can't be used; the message says why."""


def connection() -> ClientConnectConfig:
    """Read where the environment and profiles lead to. Raises TemporalSettingsError."""
    try:
        config = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        reason = str(error).partition("\n")[0]  # the next lines may show the file's, and one of those holds a key
        remedy = "correct the TEMPORAL_* variables, or the file that TEMPORAL_CONFIG_FILE names"
        raise TemporalSettingsError(f"where Temporal is can't be read ({reason}): {remedy}") from None
    config.setdefault("target_host", DEFAULT_ADDRESS)
    if "://" in str(config["target_host"]):
        raise TemporalSettingsError(
            "the address of Temporal begins with a scheme: write host:port, as TEMPORAL_ADDRESS"
        )
    return config


async def connect(*, lazy: bool = False) -> Client:
    """Connect to Temporal. A lazy client connects at its first call, again after an outage; no worker can use it.

    Raises TemporalSettingsError where it is not known where to.
    """
    return await Client.connect(
        **connection(), data_converter=pydantic_data_converter, interceptors=[PatientAboutSchedules()], lazy=lazy
    )
