"""Whether a mail is really from the supplier: what our own mail server has found out of it (RFC 8601). Pure.

Only the topmost Authentication-Results of our own server count: what stands further down may have come with the mail.
"""

import re
from collections.abc import Iterator

import authres.dmarc
from authres import AuthResError, FeatureContext

from adapters.suppliers.email.letter import Letter
from adapters.suppliers.email.profile import EmailProfile

# The property that names who was found, per method that can show it.
SHOWS = {"dkim": ("header", "d"), "spf": ("smtp", "mailfrom"), "dmarc": ("header", "from")}
MOST_RESULTS = 4_000  # characters
_NAME = re.compile(r'\s*(?:\([^()]*\)\s*)*"?([^\s;("]+)')
_METHODS = FeatureContext(authres.dmarc)


def is_suppliers(address: str, profile: EmailProfile) -> bool:
    """Say whether an address is one of the supplier's, by its name alone."""
    if address in {one.lower() for one in profile.trust.allow_listed}:
        return True
    domain = address.rpartition("@")[2]
    return any(address == one or _is_below(domain, one) for one in profile.senders)


def doubt_about(letter: Letter, profile: EmailProfile) -> str:
    """Say why a mail can't be believed, as a code; "" where it can."""
    if len(letter.senders) != 1:
        return "two_senders" if letter.senders else "no_sender"
    (sender,) = letter.senders
    if not is_suppliers(sender, profile):
        return "unknown_sender"
    if sender in {one.lower() for one in profile.trust.allow_listed}:
        return ""
    return "" if _is_shown(letter, sender.rpartition("@")[2], profile.trust.authserv_id) else "sender_not_verified"


def _is_shown(letter: Letter, domain: str, authserv_id: str | None) -> bool:
    if authserv_id is None:
        return False
    return any(_is_below(domain, one) or _is_below(one, domain) for one in _passed(letter, authserv_id))


def _passed(letter: Letter, authserv_id: str) -> Iterator[str]:
    """List the domains that our server has found a mail to come from."""
    for value in letter.authentication:
        try:
            header = _METHODS.parse_value(value[:MOST_RESULTS])
        except (AuthResError, RecursionError):  # of comments within comments
            if _may_be_of(value, authserv_id):
                return  # what it says nobody knows; those below may have come with the mail
            continue
        if str(header.authserv_id).lower() == authserv_id.lower():
            yield from _domains(header)
            return


def _may_be_of(value: str, authserv_id: str) -> bool:
    """Say whether results that can't be read may be our own server's: a sender can make it write such."""
    name = _NAME.match(value)
    return name is None or name[1].lower() == authserv_id.lower()


def _domains(header: authres.AuthenticationResultsHeader) -> Iterator[str]:
    for result in header.results:
        wanted = SHOWS.get(str(getattr(result, "method", "")).lower())
        if wanted is None or str(result.result).lower() != "pass":
            continue
        for found in result.properties:
            if (found.type, found.name) == wanted and found.value:
                yield str(found.value).rpartition("@")[2].lower().rstrip(".")


def _is_below(domain: str, parent: str) -> bool:
    """Say whether a domain is another one, or belongs to it; a bare top-level domain owns nothing."""
    return domain == parent or ("." in parent and domain.endswith(f".{parent}"))
