"""What `config check` and `doctor` say of a supplier that is ordered from by mail."""

from collections.abc import Callable, Iterator

from adapters.errors import AdapterError
from adapters.suppliers.email.imap import Mailbox
from adapters.suppliers.email.post import PostOffice
from adapters.suppliers.email.profile import EmailProfile, is_public
from models.findings import Finding, Severity

SMTP_REMEDY = "check host, port, starttls, username and password_env of the profile's smtp"
IMAP_REMEDY = "check host, port, security, username and password_env of the profile's imap"
FOLDER_REMEDY = "make the folder, or name the one that is there, as the server spells it"
SENDERS_REMEDY = "name the supplier's own addresses in trust.senders, not the domain of its provider"
TRUST_REMEDY = "set trust.authserv_id to the first word of Authentication-Results in mails that you receive"


def check_profile(supplier: str, profile: EmailProfile, post: PostOffice, mailbox: Mailbox | None) -> list[Finding]:
    """Check both mail servers, the folders, and whether answers can be believed. No mail is sent."""
    check = _Checks(f"supplier {supplier}")
    findings = [check.outcome("mail server", "takes our credentials", SMTP_REMEDY, post.probe)]
    if findings[0].severity is not Severity.ERROR:  # what is wrong with one server is mostly wrong with the other
        findings += _mailbox_findings(check, profile, mailbox)
        findings += _trust_findings(check, profile)
    return findings


class _Checks:
    def __init__(self, area: str) -> None:
        self._area = area

    def outcome(self, subject: str, well: str, remedy: str, ask: Callable[[], None]) -> Finding:
        try:
            ask()
        except AdapterError as error:
            return self.found(Severity.ERROR, subject, str(error), remedy)
        return self.found(Severity.OK, subject, well)

    def found(self, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
        return Finding(area=self._area, severity=severity, subject=subject, message=message, remedy=remedy)


def _mailbox_findings(check: _Checks, profile: EmailProfile, mailbox: Mailbox | None) -> Iterator[Finding]:
    if mailbox is None or profile.imap is None:
        yield check.found(Severity.OK, "mailbox", "none: answers are read by people, and by the supplier's page")
        return
    wanted = [folder for folder in (profile.imap.folder, profile.imap.sent) if folder]
    try:
        missing = mailbox.folders_missing(wanted)
    except AdapterError as error:
        yield check.found(Severity.ERROR, "mailbox", str(error), IMAP_REMEDY)
        return
    finally:
        mailbox.close()
    for folder in missing:
        yield check.found(Severity.ERROR, f"folder {folder}", "can't be opened", FOLDER_REMEDY)
    if not missing:
        yield check.found(Severity.OK, "mailbox", f"answers are read from {profile.imap.folder}")


def _trust_findings(check: _Checks, profile: EmailProfile) -> Iterator[Finding]:
    for domain in sorted(filter(is_public, profile.senders)):
        words = "anybody has an address there, and is taken for the supplier"
        yield check.found(Severity.WARNING, f"senders {domain}", words, SENDERS_REMEDY)
    if profile.imap is None or profile.trust.authserv_id or profile.trust.allow_listed:
        return
    yield check.found(Severity.WARNING, "senders", "no answer can be believed: each becomes a task", TRUST_REMEDY)
