"""The contract suite over a real SFTP server, with CSV and with XML."""

from collections.abc import Iterator

import pytest

from dropwright.testing.contract import DocumentContract, SupplierWorld
from sandbox.fileserver import FileServers, file_servers
from tests.adapters.files_world import COLUMNS, contract_world, files


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServers]:
    with file_servers(tmp_path_factory.mktemp("partners")) as served:
        yield served


class TestCsvOverSftp(DocumentContract):
    @pytest.fixture
    def world(self, servers: FileServers) -> SupplierWorld:
        return contract_world(files(servers))


class TestXmlOverSftp(DocumentContract):
    @pytest.fixture
    def world(self, servers: FileServers) -> SupplierWorld:
        acknowledgements = {"format": "xml", "columns": COLUMNS["acknowledgements"]}
        changes = {name: {"format": "xml"} for name in ("orders", "cancellations", "shipments", "cancellation_answers")}
        return contract_world(files(servers, partner={"kind": "xml"}, **changes, acknowledgements=acknowledgements))
