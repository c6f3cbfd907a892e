"""A folder as suppliers offer one: over HTTP, SFTP, FTP and FTPS, with everything that goes wrong there.

python -m sandbox.fileserver --folder feeds --http-port 9010 --sftp-port 9022 --ftp-port 9021 --ftps-port 9990

The account is ``feeds`` with the password ``open sesame``; ``--account NAME:PASSWORD`` changes it, for HTTP too, which
asks for one only then. Faults are planned over HTTP: see ``sandbox.fileserver_http``.
"""

import argparse
import ipaddress
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sandbox.faults import Plan
from sandbox.fileserver_faults import TransferFaults, UploadFaults
from sandbox.fileserver_ftp import FtpManners, serving_ftp, tls_context
from sandbox.fileserver_http import FolderOverHttp, create_app
from sandbox.fileserver_sftp import SftpAccess, public_line, serving_sftp
from sandbox.serving import LOOPBACK, serving

ACCOUNT = ("feeds", "open sesame")


@dataclass
class FileServers:
    """One folder behind four servers, while ``with file_servers(...)`` lasts."""

    folder: Path
    faults: TransferFaults = field(default_factory=TransferFaults)
    uploads: UploadFaults = field(default_factory=UploadFaults)
    account: tuple[str, str] = ACCOUNT
    certificate: Path = Path()  # what a client of FTPS must trust
    host_key: str = ""  # the SFTP server's, as known_hosts has it behind the host
    sftp: SftpAccess = field(default_factory=lambda: SftpAccess(*ACCOUNT))
    ftp: FtpManners = field(default_factory=FtpManners)
    plan: Plan = field(default_factory=Plan)
    http: FolderOverHttp = field(init=False)
    http_url: str = ""
    sftp_port: int = 0
    ftp_port: int = 0
    ftps_port: int = 0


@contextmanager
def file_servers(
    folder: Path,
    *,
    account: tuple[str, str] = ACCOUNT,
    http_account: tuple[str, str] | None = None,
    ports: tuple[int, int, int, int] = (0, 0, 0, 0),
    writable: bool = False,
) -> Iterator[FileServers]:
    """Serve a folder over HTTP, SFTP, FTP and FTPS, in that order of ``ports``; 0 takes any that is free.

    SFTP can always write; FTP only where the folder is ``writable``.
    """
    servers = FileServers(folder, account=account, sftp=SftpAccess(*account))
    servers.host_key = public_line(servers.sftp.host_key)
    with ExitStack() as stack:
        private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fileserver-")))
        servers.certificate, key = write_certificate(private)
        app, servers.http = create_app(folder, servers.faults, credentials=http_account, plan=servers.plan)
        servers.http_url = stack.enter_context(serving(app, ports[0]))
        servers.sftp_port = stack.enter_context(
            serving_sftp(folder, servers.sftp, servers.faults, ports[1], uploads=servers.uploads)
        )
        uploads = servers.uploads if writable else None
        ftp = partial(serving_ftp, folder, account, servers.faults, servers.ftp, uploads=uploads)
        servers.ftp_port = stack.enter_context(ftp(port=ports[2]))
        servers.ftps_port = stack.enter_context(ftp(tls=tls_context(servers.certificate, key), port=ports[3]))
        yield servers


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of loopback, signed by itself; returns its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated file server")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def main() -> None:
    """Serve a folder until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.fileserver", description="Simulated file servers")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--account", default="", metavar="NAME:PASSWORD")
    for protocol in ("http", "sftp", "ftp", "ftps"):
        parser.add_argument(f"--{protocol}-port", type=int, default=0, help="any that is free by default")
    options = parser.parse_args()
    name, _, password = options.account.partition(":")
    given = (name, password) if name else None
    ports = (options.http_port, options.sftp_port, options.ftp_port, options.ftps_port)
    with file_servers(options.folder, account=given or ACCOUNT, http_account=given, ports=ports) as servers:
        sys.stdout.write(
            f"HTTP {servers.http_url}, SFTP {servers.sftp_port}, FTP {servers.ftp_port}, FTPS {servers.ftps_port}\n"
            f'host_key = "{servers.host_key}"\ncertificate: {servers.certificate}\n'
        )
        sys.stdout.flush()
        _await_signal()


def _await_signal() -> None:
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    told.wait()


if __name__ == "__main__":
    main()
