import pytest

from adapters.storefronts.shopify.signature import HEADER, is_signed, sign

BODY = b'{"id":820982911946154508}'
VECTOR = "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I="


def test_the_signature_is_the_one_of_shopifys_own_libraries() -> None:
    assert sign(BODY, "hush") == VECTOR


@pytest.mark.parametrize(
    ("headers", "body", "secrets", "signed"),
    [
        ({HEADER: VECTOR}, BODY, ["hush"], True),
        ({HEADER: f" {VECTOR} "}, BODY, ["hush"], True),
        ({HEADER: VECTOR}, BODY, ["new", "hush"], True),
        ({HEADER: VECTOR}, BODY, ["hush", "new"], True),
        ({HEADER: VECTOR}, BODY, ["new"], False),
        ({HEADER: VECTOR}, BODY, [], False),
        ({HEADER: VECTOR}, BODY + b"\n", ["hush"], False),
        ({HEADER: VECTOR}, b'{"id": 820982911946154508}', ["hush"], False),
        ({HEADER: VECTOR}, b"", ["hush"], False),
        ({HEADER: VECTOR[:-1]}, BODY, ["hush"], False),
        ({HEADER: VECTOR.lower()}, BODY, ["hush"], False),
        ({HEADER: ""}, BODY, ["hush"], False),
        ({}, BODY, ["hush"], False),
        ({HEADER: "ñ\ud800"}, BODY, ["hush"], False),
        ({HEADER: sign(BODY, "")}, BODY, [""], False),
        ({HEADER: ""}, BODY, [""], False),
    ],
)
def test_only_these_bytes_signed_with_a_known_secret_pass(
    headers: dict[str, str], body: bytes, secrets: list[str], signed: bool
) -> None:
    assert is_signed(headers, body, secrets) is signed


@pytest.mark.parametrize("position", range(len(BODY)))
def test_one_changed_byte_breaks_the_signature(position: int) -> None:
    body = bytearray(BODY)
    body[position] ^= 1
    assert not is_signed({HEADER: VECTOR}, bytes(body), ["hush"])
