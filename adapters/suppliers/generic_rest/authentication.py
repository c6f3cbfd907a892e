"""How a merchant says by what a supplier knows us: ``[suppliers.NAME.profile.authentication]``."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from models.base import Interval, StrictContract

Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,60}$")]


class Bearer(StrictContract):
    """``Authorization: Bearer`` with the credential that ``token_env`` names."""

    kind: Literal["bearer"]


class Basic(StrictContract):
    """HTTP Basic: this user name, and the credential as password."""

    kind: Literal["basic"]
    username: str = Field(min_length=1, max_length=200)


class HeaderKey(StrictContract):
    """The credential in a header of its own."""

    kind: Literal["header"]
    header: Header = "X-Api-Key"
    prefix: str = Field(default="", max_length=40)


class QueryKey(StrictContract):
    """The credential as a parameter of the query."""

    kind: Literal["query"]
    parameter: str = Field(default="api_key", pattern=r"^[A-Za-z0-9_.\[\]-]{1,60}$")


class ClientCredentials(StrictContract):
    """OAuth 2.0 client credentials (RFC 6749 §4.4): the credential is the client's secret."""

    kind: Literal["oauth2"]
    token_url: str = Field(pattern=r"^(https?://\S+|/\S*)$", max_length=300)  # a path is below base_url
    client_id: str = Field(min_length=1, max_length=200)
    scope: str = Field(default="", max_length=300)
    audience: str = Field(default="", max_length=300)
    send: Literal["body", "basic"] = "body"  # where its id and secret go
    lifetime: Interval = timedelta(minutes=5)  # where it does not say


Authentication = Annotated[
    Bearer | Basic | HeaderKey | QueryKey | ClientCredentials,
    Field(discriminator="kind"),
]
