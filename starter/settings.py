"""What a process must know before it can read the configuration: where the database is, and how to log.

Everything else is in the configuration that ``dropwright config apply`` stores. Temporal's address follows the
standard ``TEMPORAL_*`` variables and profiles (temporalio.envconfig).
"""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

NO_DATABASE_URL = "DROPWRIGHT_DATABASE_URL is not set"
SET_DATABASE_URL = "set it to postgresql+psycopg2://user:password@host/name"
DATABASE_AWAY = "can't be reached"
START_DATABASE = "check DROPWRIGHT_DATABASE_URL, and that PostgreSQL runs and accepts us"
_DRIVERS = ("postgresql", "postgresql+psycopg2")


class Settings(BaseSettings):
    """Read from ``DROPWRIGHT_*`` environment variables."""

    model_config = SettingsConfigDict(env_prefix="DROPWRIGHT_", extra="ignore")

    database_url: str = Field(default="", description="postgresql+psycopg2://user:password@host/name")
    config: Path = Field(default=Path("dropwright.toml"), description="the file that `config apply` reads by default")
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65535)
    log_format: str = Field(default="auto", pattern="^(auto|json|console)$", description="auto: readable in a terminal")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    worker_threads: int = Field(default=32, ge=4, le=1000, description="threads that run activities")
    sweep_every: float = Field(default=60.0, gt=0, description="seconds between intake sweeps")
    mail_every: float = Field(default=5.0, gt=0, description="seconds between looks into an empty outbox")

    @field_validator("database_url")
    @classmethod
    def _names_postgresql(cls, url: str) -> str:
        """Refuse what no driver of ours opens, with the remedy and never with the value: it holds the password."""
        try:
            known = not url or make_url(url).drivername in _DRIVERS
        except (ArgumentError, ValueError):
            known = False
        if not known:
            raise PydanticCustomError("database_url", f"is no address of PostgreSQL; {SET_DATABASE_URL}")
        return url
