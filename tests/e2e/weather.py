"""The faults that every simulated system shows throughout the run, at rates that let it end."""

from typing import Any


def _rule(kind: str, probability: float, operation: str = "", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "probability": probability, "operation": operation, **more}


# What is sent after "processed" kinds has happened at the other side, although no usable answer comes back.
_HTTP = [
    _rule("latency", 0.10, milliseconds=250),
    _rule("throttled", 0.01, retry_after=1),
    _rule("error", 0.01),
    _rule("error", 0.005, processed=True, status=502),
    _rule("reset_before", 0.01),
    _rule("reset_after", 0.01),
    _rule("cut_off", 0.005),
    _rule("truncated", 0.005),
    _rule("invalid_json", 0.005),
    _rule("wrong_content_type", 0.005),
]

SUPPLIER = [_rule("reset_after", 0.02, "setCreateOrder$"), _rule("reset_before", 0.01, "setCreateOrder$"), *_HTTP]
SHOP = _HTTP
# Of the faults after a mail was handed over only those that keep it: one lost twice there would be lost, as docs say.
MAIL = [
    _rule("latency", 0.05, milliseconds=200),
    _rule("error", 0.02, "RCPT", status=451),
    _rule("error", 0.02, "DATA", status=451),
    _rule("reset_before", 0.02, "RCPT"),
    _rule("reset_after", 0.03, "DATA"),
]
