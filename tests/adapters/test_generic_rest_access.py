import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.errors import AuthenticationFailed, NotSent, Refused, UnexpectedReply
from adapters.suppliers.generic_rest import webhooks
from adapters.suppliers.generic_rest.adapter import GenericRest, build
from adapters.suppliers.generic_rest.credentials import LentToken
from adapters.suppliers.generic_rest.profile import RestProfile, Webhook
from dropwright.testing.contract import CUSTOMER, MADRID
from models.calls import CallRecord
from models.exchange import LookAgain, OrderAcknowledged, OrderShipped
from models.feeds import FeedKind
from models.findings import Severity
from models.suppliers import Arrival, Cancellation, LookupVerdict, SupplierLine, SupplierOrder, SupplierState
from sandbox.anyrest import AUTHENTICATIONS, CLIENT_ID, DEFAULT_TOKEN, create_app
from sandbox.catalogue import plain_eans
from tests.adapters import generic_rest
from tests.adapters.loopback import HTTP, Stage, stage

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECRET = "a-secret"
BODY = b'{"order": {"reference": "DW-1-11", "id": "A-1", "state": "ACCEPTED", "answers": [], "packages": []}}'
FIRST = plain_eans()[0]


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


def order(quote_id: str) -> SupplierOrder:
    lines = (SupplierLine(ean=FIRST, quantity=1),)
    return SupplierOrder(number="DW-1-11", lines=lines, quote_id=quote_id, address=CUSTOMER, test=False)


@pytest.mark.parametrize("kind", AUTHENTICATIONS)
def test_every_kind_of_credential_opens_the_door_and_is_in_no_record(server: Stage, kind: str) -> None:
    url, calls = server.put_on(create_app(authentication=kind)), list[CallRecord]()
    described = generic_rest.profile(authentication=generic_rest.AUTHENTICATIONS[kind])
    secret = "sandbox token/+"
    server.put_on(create_app(authentication=kind, token=secret))
    port = generic_rest.port(url, described, token=secret, sink=calls.append)
    port.probe()
    assert port.fetch_stock([FIRST])[0].known
    port.close()
    records = "".join(call.model_dump_json() for call in calls)
    basic = b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()
    assert not any(one in records for one in (secret, "sandbox+token", "sandbox%20token", basic, "access_token\\"))


@pytest.fixture
def url(server: Stage) -> str:
    return server.put_on(create_app(authentication="oauth2"))


@pytest.fixture
def port(url: str) -> Iterator[GenericRest]:
    port = generic_rest.port(url, generic_rest.by_look_up())
    yield port
    port.close()


def end_tokens(url: str) -> None:
    HTTP.post(f"{url}/_sandbox/settings", json={"tokens": []}).raise_for_status()


def test_a_token_is_lent_once_for_many_calls(url: str, port: GenericRest) -> None:
    for _ in range(3):
        port.probe()
    assert HTTP.get(f"{url}/_sandbox/ledger").json()["calls"] == {"POST /token": 1, "GET /ping": 3}


def test_a_token_that_has_ended_is_lent_again(url: str, port: GenericRest, monkeypatch: pytest.MonkeyPatch) -> None:
    port.probe()
    end_tokens(url)
    monkeypatch.setattr("adapters.suppliers.generic_rest.credentials._JUST_LENT", -1.0)
    port.probe()


def test_an_order_that_meets_an_ended_token_was_not_sent(
    url: str, port: GenericRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted = order(port.quote_shipping(MADRID, [SupplierLine(ean=FIRST, quantity=1)])[0].quote_id)
    end_tokens(url)
    monkeypatch.setattr("adapters.suppliers.generic_rest.credentials._JUST_LENT", -1.0)
    with pytest.raises(NotSent):
        port.place_order(quoted)
    port.place_order(quoted)
    assert len(HTTP.get(f"{url}/_sandbox/ledger").json()["orders"]) == 1


def test_a_cancel_that_is_answered_in_no_way_we_know_stays_open(url: str, port: GenericRest) -> None:
    quoted = order(port.quote_shipping(MADRID, [SupplierLine(ean=FIRST, quantity=1)])[0].quote_id)
    placed = port.place_order(quoted)
    rule = {"operation": "/cancellation", "kind": "error", "status": 418}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()
    assert port.cancel_order(placed.supplier_number) is Cancellation.REQUESTED


def test_an_order_for_which_no_token_can_be_had_was_not_sent(url: str, port: GenericRest) -> None:
    rule = {"operation": "/token", "kind": "error", "status": 503}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()
    with pytest.raises(NotSent):
        port.place_order(order("opt-1"))


def test_a_token_is_used_until_shortly_before_its_end() -> None:
    now, answers = [0.0], iter(["first", "second"])

    class Api:
        def ask(self, *_: Any, **__: Any) -> Any:
            return httpx.Response(200, json={"access_token": next(answers), "expires_in": "3600"})

    terms = RestProfile.model_validate(generic_rest.by_look_up()).authentication
    token = LentToken(terms, "secret", Api(), clock=lambda: now[0])  # type: ignore[arg-type]
    assert [token.headers()["Authorization"] for now[0] in (0.0, 3_500.0, 3_571.0)] == [
        "Bearer first",
        "Bearer first",
        "Bearer second",
    ]


def test_a_token_that_another_thread_has_renewed_meanwhile_is_tried_and_not_thrown_away() -> None:
    now, answers = [0.0], iter(["first", "second", "third"])

    class Api:
        def ask(self, *_: Any, **__: Any) -> Any:
            return httpx.Response(200, json={"access_token": next(answers), "expires_in": "3600"})

    terms = RestProfile.model_validate(generic_rest.by_look_up()).authentication
    token = LentToken(terms, "secret", Api(), clock=lambda: now[0])  # type: ignore[arg-type]
    ended = token.headers()
    now[0] = 60.0
    assert token.renew(ended)
    assert token.headers() == {"Authorization": "Bearer second"}
    assert token.renew(ended)
    assert token.headers() == {"Authorization": "Bearer second"}
    assert not token.renew(token.headers())


# Webhooks.


def hook(**signature: Any) -> Webhook:
    signed = {"header": "X-Sig", "timestamp_header": "X-At", "signed": "{timestamp}.{body}"} | signature
    return Webhook.model_validate({"number": "order.reference", "order": "order", "trusted": True, "signature": signed})


def digest(text: bytes) -> bytes:
    return hmac.new(SECRET.encode(), text, hashlib.sha256).digest()


@pytest.mark.parametrize("stamp", [str(int(NOW.timestamp())), str(int(NOW.timestamp() * 1000)), "2026-01-05T12:00:00Z"])
@pytest.mark.parametrize(("encoding", "prefix"), [("hex", "sha256="), ("base64", "")])
def test_a_signature_is_recognised_however_it_is_written(stamp: str, encoding: str, prefix: str) -> None:
    signature = digest(stamp.encode() + b"." + BODY)
    written = signature.hex() if encoding == "hex" else b64encode(signature).decode()
    headers = {"x-sig": prefix + written, "x-at": stamp}
    webhooks.verify(hook(encoding=encoding, prefix=prefix), SECRET, headers, BODY, "", NOW)


@pytest.mark.parametrize(
    ("headers", "body", "secret"),
    [
        ({}, BODY, SECRET),
        ({"x-sig": "zz", "x-at": "1767614400"}, BODY, SECRET),
        ({"x-sig": digest(b"1767614400." + BODY).hex(), "x-at": "1767614401"}, BODY, SECRET),
        ({"x-sig": digest(b"1767614400." + BODY).hex(), "x-at": "1767614400"}, BODY + b" ", SECRET),
        ({"x-sig": digest(b"1767614400." + BODY).hex(), "x-at": "1767614400"}, BODY, ""),
        ({"x-sig": digest(b"soon." + BODY).hex(), "x-at": "soon"}, BODY, SECRET),
        ({"x-sig": digest(b"9" * 30 + b"." + BODY).hex(), "x-at": "9" * 30}, BODY, SECRET),
    ],
)
def test_a_forged_webhook_is_believed_in_nothing(headers: dict[str, str], body: bytes, secret: str) -> None:
    with pytest.raises(AuthenticationFailed):
        webhooks.verify(hook(), secret, headers, body, "", NOW)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_webhook_that_was_kept_is_stale(minutes: int) -> None:
    stamp = str(int((NOW + timedelta(minutes=minutes)).timestamp()))
    headers = {"x-sig": digest(stamp.encode() + b"." + BODY).hex(), "x-at": stamp}
    with pytest.raises(AuthenticationFailed) as caught:
        webhooks.verify(hook(), SECRET, headers, BODY, "", NOW)
    assert caught.value.code == "stale"


@pytest.mark.parametrize(("path_secret", "good"), [(SECRET, True), ("", False), ("a-secreT", False), ("\ud800", False)])
def test_without_a_signature_the_end_of_the_address_tells(path_secret: str, *, good: bool) -> None:
    plain = Webhook(number="order.reference")
    if good:
        webhooks.verify(plain, SECRET, {}, BODY, path_secret, NOW)
        return
    with pytest.raises(AuthenticationFailed):
        webhooks.verify(plain, SECRET, {}, BODY, path_secret, NOW)


def news(change: dict[str, Any], **settings: Any) -> list[Any]:
    profile = RestProfile.model_validate(generic_rest.profile())
    assert profile.webhook is not None
    document = json.loads(BODY)
    document["order"] |= change
    webhook = profile.webhook.model_copy(update=settings)
    return [*webhooks.read(profile, webhook, json.dumps(document).encode())]


def test_a_trusted_webhook_says_what_its_order_proves() -> None:
    parcel = {
        "carrier": {"name": "GLS", "tracking": {"no": "X1", "link": ""}},
        "contents": [{"gtin": FIRST, "units": 1}],
    }
    (accepted,), (shipped,) = news({}), news({"state": "SHIPPED", "packages": [parcel]})
    assert isinstance(accepted, OrderAcknowledged)
    assert (accepted.number, accepted.supplier_number, accepted.state) == ("DW-1-11", "A-1", SupplierState.ACKNOWLEDGED)
    assert isinstance(shipped, OrderShipped)
    assert [one.tracking_number for one in shipped.parcels] == ["X1"]
    for unclear in ({"state": "SHIPPED"}, {"state": "LOST"}, {"state": "RECEIVED"}):
        assert news(unclear) == [LookAgain(number="DW-1-11")]


def test_an_untrusted_webhook_only_says_which_order_to_ask_for() -> None:
    assert news({"state": "CANCELLED"}, trusted=False) == [LookAgain(number="DW-1-11")]


def test_a_webhook_about_nobodys_order_says_nothing() -> None:
    assert news({"reference": None}) == []
    for strange in ({"reference": {"no": 1}}, {"reference": "<b>"}):
        with pytest.raises(UnexpectedReply):
            news(strange)


def test_a_hint_about_another_shops_order_says_nothing() -> None:
    for reference in ("#1001", "<b>", 4711):  # ours are never written so
        assert news({"reference": reference}, trusted=False) == []
    with pytest.raises(UnexpectedReply):
        news({"reference": ["DW-1-11"]}, trusted=False)


def test_without_a_webhook_secret_orders_go_on_and_webhooks_are_refused(url: str) -> None:
    secrets = {"ACME_TOKEN": DEFAULT_TOKEN}
    described = generic_rest.settings(url, generic_rest.by_look_up())
    port = build(settings=described, supplier_id="acme", secrets=secrets.__getitem__, sink=lambda _call: None)
    (warning,) = [one for one in port.check([FIRST]) if one.severity is not Severity.OK]
    assert (warning.subject, "webhook_secret_env" in warning.remedy) == ("webhooks", True)
    with pytest.raises(AuthenticationFailed):
        port.read_webhook({}, BODY, path_secret="")
    port.close()
    unnamed = generic_rest.settings(url, webhook_secret_env=None)
    port = build(settings=unnamed, supplier_id="acme", secrets=secrets.__getitem__, sink=lambda _call: None)
    assert port.capabilities.shipment is Arrival.POLL
    port.close()


def test_what_a_profile_leaves_out_is_not_offered(url: str) -> None:
    described = generic_rest.by_look_up()
    kept = {name: described["operations"][name] for name in ("place_order", "fetch_order", "probe")}
    recorded = [one for one in described["recorded"] if one["operation"] in kept]
    bare = described | {"operations": kept, "recorded": recorded, "doubt": "none", "test_orders": False, "feeds": {}}
    del bare["visibility_delay"], bare["webhook"]
    port = generic_rest.port(url, bare)
    offers = port.capabilities
    assert not any((offers.live_stock, offers.live_rates, offers.cancel, offers.test_orders))
    assert not port.fetch_stock([FIRST])[0].known
    (quote,) = port.quote_shipping(MADRID, [SupplierLine(ean=FIRST, quantity=1)])
    assert port.find_order(order(quote.quote_id)).verdict is LookupVerdict.UNSURE
    for refused, code in (
        (lambda: port.cancel_order("A-1"), "no_cancel"),
        (lambda: port.place_order(order("opt-1").model_copy(update={"test": True})), "no_test_orders"),
        (lambda: port.fetch_feed(FeedKind.STOCK, since="", cursor=""), "no_feed"),
    ):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.code == code
    port.close()
