from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.suppliers.edi_x12.envelope import read_interchange
from adapters.suppliers.edi_x12.tokenizer import Delimiters, cut
from tests.adapters.x12.documents import INWARD, KINDS, SIGNS, document


@pytest.mark.parametrize("code", KINDS)
@settings(max_examples=40)
@given(data=st.data(), signs=st.sampled_from(SIGNS))
def test_what_was_written_is_read_again(code: str, data: st.DataObject, signs: Delimiters) -> None:
    strategy, _, read = KINDS[code]
    sets = data.draw(st.lists(strategy, min_size=1, max_size=3))
    body = document([(code, one) for one in sets], replace(INWARD, delimiters=signs))
    interchange = read_interchange(body)
    (group,) = interchange.groups
    assert [one.problem for one in group.sets] == [None] * len(sets)
    assert group.problem is None
    assert [read(one.segments) for one in group.sets] == sets
    assert (interchange.sender, interchange.receiver, interchange.control) == (INWARD.sender, INWARD.receiver, 118)


@settings(max_examples=40)
@given(size=st.integers(1, 60), sets=st.lists(KINDS["855"][0], min_size=1, max_size=2))
def test_it_does_not_matter_how_the_bytes_come_in_pieces(size: int, sets: list[object]) -> None:
    body = document([("855", one) for one in sets])
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    whole = [segment for block in cut([body])[1] for segment in block]
    assert [segment for block in cut(pieces)[1] for segment in block] == whole
