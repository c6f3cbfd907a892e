from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.errors import Refused
from adapters.exchange import remote_folder
from adapters.exchange.remote import RemoteSettings, entry_at, open_folder


class TestSettings:
    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"url": "http://edi.example/"}, "an address of sftp, ftp, ftps or file"),
            ({"url": "sftp://edi.example/"}, "SFTP needs host_keys"),
            ({"url": "sftp://user:secret@edi.example/"}, "a password belongs into password_env"),
            ({"url": "ftp://edi.example", "host_keys": ["SHA256:" + "A" * 43]}, "belong to SFTP"),
            ({"url": "ftp://edi.example", "inbox": "../other"}, "leads out of the folder"),
            ({"url": "ftp://edi.example", "archive": "out"}, "outside the inbox"),
            ({"url": "ftp://edi.example", "settle_after": "1m"}, "at most 20 s"),
        ],
    )
    def test_what_can_not_work_is_said_where_it_is_written(self, wrong: dict[str, Any], said: str) -> None:
        with pytest.raises(ValidationError, match=said):
            RemoteSettings(**wrong)

    def test_an_unreadable_key_is_told_at_once(self) -> None:
        settings = RemoteSettings(url="sftp://edi.example", host_keys=("SHA256:" + "A" * 43,), key_env="EDI_KEY")
        with pytest.raises(Refused):
            open_folder(settings, lambda _: "no key at all")

    def test_an_entry_is_told_again_from_its_place(self) -> None:
        entry = remote_folder.RemoteEntry("a b.csv", 5, datetime(2026, 3, 2, tzinfo=UTC), "5-2026-03-02T00:00:00+00:00")
        assert entry_at(entry.place).version == entry.version
        assert entry_at(entry.place).name == entry.name
