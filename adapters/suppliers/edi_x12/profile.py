"""What is agreed on with one X12 partner: the supplier's ``profile`` in the configuration."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.exchange.remote_settings import RemoteSettings
from adapters.suppliers.edi_x12.errors import X12Error
from adapters.suppliers.edi_x12.tokenizer import Delimiters, sniff
from adapters.suppliers.edi_x12.wrapping import Addressing
from models.base import CurrencyCode, Interval, Slug, Span, StrictContract

Qualifier = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")]
InterchangeId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./&-]{0,14}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _./-]{0,34}$")]
Sign = Annotated[str, StringConstraints(min_length=1, max_length=1)]
CarrierName = Annotated[str, StringConstraints(min_length=1, max_length=60)]
KINDS_OF_EAN = {12: "UP", 13: "EN", 14: "UK", 8: "EN"}  # DE 235, by length


class X12Profile(StrictContract):
    """One partner. "We" are the sender; ``charset`` is what it reads, and letters it lacks lose their accents."""

    remote: RemoteSettings
    sender_qualifier: Qualifier = "ZZ"
    sender_id: InterchangeId
    receiver_qualifier: Qualifier = "ZZ"
    receiver_id: InterchangeId
    group_sender_id: InterchangeId | None = None  # GS02 and GS03: those of the interchange where they are left out
    group_receiver_id: InterchangeId | None = None
    usage: Literal["production", "test"] = "production"  # ISA15, both ways
    version: Literal["004010", "004030", "005010"] = "004010"
    element_separator: Sign = "*"
    component_separator: Sign = ">"
    segment_terminator: Sign = "~"
    repetition_separator: Sign = "^"  # from 005010 on
    charset: Literal["ascii", "latin-1", "utf-8"] = "ascii"
    suffix: Annotated[str, StringConstraints(pattern=r"^\.[a-z0-9]{1,8}$")] = ".x12"  # of the files we write
    pick_up: tuple[str, ...] = Field(default=("*",), min_length=1)  # patterns of the files that are for us
    receipt_within: Interval = timedelta(hours=4)  # a 997 for each of our groups
    settled_after: Span = timedelta(minutes=15)  # how long after a lost answer its folder is looked into
    cancellation: Literal["860", "850-01", "none"] = "none"
    interchange_receipts: bool = False  # it wants a TA1 where an interchange can't be read
    currency: CurrencyCode | None = None  # of its prices where no CUR says it; null: that of its terms
    ship_methods: dict[CarrierName, Code] = Field(default_factory=dict)  # carrier -> the code it wants in TD505
    default_ship_method: Code | None = None  # null: an order for another carrier is refused
    carriers: dict[Code, CarrierName] = Field(default_factory=dict)  # its SCAC or code in a TD5 -> our carrier
    sku_qualifier: Literal["VN", "VC", "VP"] = "VN"
    article_qualifiers: tuple[Qualifier, ...] = ("VN", "VC", "VP")  # its own numbers, in what it sends
    ean_qualifiers: tuple[Qualifier, ...] = ("UP", "EN", "UK", "UI", "EO", "SK", "BP", "IN")  # of what we called it
    other_article_qualifier: Qualifier = "SK"  # what our code of an article without a GTIN is sent as
    units: tuple[Qualifier, ...] = ("EA", "PC", "UN")  # that count single pieces
    send_contact: bool = True  # the customer's telephone and e-mail, for the carrier
    shipment_structures: tuple[str, ...] = ("0001", "0004", "")  # BSN05
    implied_decimals: int = Field(default=2, ge=0, le=4)  # of TDS and SAC in its invoices
    wrong_totals: Literal["refuse", "accept"] = "refuse"  # a CTT that counts wrong: some partners' always does
    stock_feed: Slug | None = None  # the pushed feed that a whole 846 goes to,
    stock_changes_feed: Slug | None = None  # and one with changes only (BIA01 04)
    stock_quantity: Qualifier = "33"  # QTY01
    stock_price: Annotated[str, StringConstraints(pattern=r"^(any|[A-Z0-9]{2,3})$")] | None = (
        None  # CTP02, if it has any
    )

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        try:
            sniff(f"ISA{'*'.join(['', *_FIXED])}".replace("*", self.element_separator).encode() + self._last_signs)
        except X12Error as error:
            raise ValueError(f"separators: {error.message}") from None
        if len({self.receiver_id, self.sender_id}) == 1:
            raise ValueError("sender_id and receiver_id are the same")
        return self

    @property
    def _last_signs(self) -> bytes:
        return f"{self.element_separator}{self.component_separator}{self.segment_terminator}".encode()

    @property
    def addressing(self) -> Addressing:
        """How we write to this partner."""
        modern = self.version >= "005010"
        return Addressing(
            sender=(self.sender_qualifier, self.sender_id),
            receiver=(self.receiver_qualifier, self.receiver_id),
            group_sender=self.group_sender_id or self.sender_id,
            group_receiver=self.group_receiver_id or self.receiver_id,
            version=self.version,
            interchange_version="00" + self.version[2:5] if not modern else "00501",
            test=self.usage == "test",
            delimiters=Delimiters(
                self.element_separator,
                self.component_separator,
                self.segment_terminator,
                self.repetition_separator if modern else "U",
            ),
            charset=self.charset,
        )


_FIXED = (
    "00",
    " " * 10,
    "00",
    " " * 10,
    "ZZ",
    " " * 15,
    "ZZ",
    " " * 15,
    "000101",
    "0000",
    "U",
    "00401",
    "0" * 9,
    "0",
    "P",
)
