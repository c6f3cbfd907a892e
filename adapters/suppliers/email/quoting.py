"""What somebody has written in answer, without the mail that is answered and without a signature. Pure."""

import re
from collections.abc import Iterator

from adapters.suppliers.email.words import PATTERNS, plain

# "On 2 March, Ana wrote:" in the languages of ``words``; it may run over two lines.
ATTRIBUTION = re.compile(
    r"^(on\b.{3,200}\bwrote|am\b.{3,200}\bschrieb\b.{0,100}|el\b.{3,200}\bescribi[oó]|le\b.{3,200}\ba [eé]crit"
    r"|il\b.{3,200}\bha scritto)\s*:$",
    re.IGNORECASE | re.DOTALL,
)
# Outlook and its like: a line, or the headers of the mail that is answered; all that follows is quoted.
DIVIDER = re.compile(
    r"^(-{2,}\s*(original message|urspr[uü]ngliche nachricht|mensaje original|message d'origine|messaggio originale"
    r"|forwarded message|weitergeleitete nachricht|mensaje reenviado|message transf[eé]r[eé]|messaggio inoltrato)\s*-*)$",
    re.IGNORECASE,
)
HEADERS = re.compile(r"^\*?(from|von|de|da|expéditeur|mittente)\s?\*?:\*?\s?.+", re.IGNORECASE)
MORE_HEADERS = re.compile(
    r"^\*?(sent|gesendet|enviado|envoyé|inviato|date|datum|fecha|data|to|an|para|à|a)\s?\*?:", re.IGNORECASE
)
# Goods are sent from somewhere too, so the program must be named.
SENT_WITH = (
    r"(sent (from|with)|gesendet (von|mit)|enviado (desde|con)|envoyé (de|depuis|avec)|inviato (da|con)).{0,9}"
    r"\b(iphone|ipad|android|outlook|gmail|yahoo|libero|samsung|gmx|web\.de|proton)\b"
)
# A rule closes too: where it begins a quote, the headers below it say so.
CLOSING = re.compile(
    r"^(-- ?|(with )?(best|kind|warm|many thanks and)?\s*regards|best wishes|sincerely|yours (sincerely|faithfully)|cheers"
    r"|(mit )?(freundlichen?|besten?|viele[nr]?|liebe|schöne) gr(ü|ue)(ß|ss)en?|mfg|hochachtungsvoll"
    r"|(un )?saludos?( cordiales)?|atentamente|cordialmente|(bien )?cordialement|salutations.*|bonne journée"
    r"|(cordiali|distinti) saluti|saluti|sent from my .*|von meinem .* gesendet|enviado desde mi .*"
    rf"|envoyé (de|depuis|à partir de) (mon|ma) .*|inviato dal mio .*|{SENT_WITH}.*|_{{5,}})[\s,.!]*$",
    re.IGNORECASE,
)
POSTSCRIPT = re.compile(r"^\W*(?:p\.? ?[sd]\b\.?|n\.? ?b\b\.?)(?:\W|$)", re.IGNORECASE)
SPEAKING = ("rejected", "backordered", "shipped")  # of an order, not of a company: "no liability is accepted"


def reply_of(text: str) -> str:
    """Return what was written above the quote and between its lines, or else below it; "" where nothing was.

    Of a signature, and of what stands below where something stands above, that which speaks of the order counts too.
    """
    lines = [line.rstrip() for line in text.replace("\u00a0", " ").split("\n")]
    start = _quote_starts(lines)
    written, below = [_unsigned(lines[:start]), _between(lines[start:])], _below(lines[start:])
    if any(written):
        return "\n".join(filter(None, [*written, *(() if _is_unmarked(lines[start:]) else _remarks(below))]))
    return _unsigned(below)


def _quote_starts(lines: list[str]) -> int:
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(">") or DIVIDER.match(stripped) or _is_attribution(lines, number):
            return number
        if HEADERS.match(stripped) and any(
            MORE_HEADERS.match(other.strip()) for other in lines[number + 1 : number + 4]
        ):
            return number
    return len(lines)


def _is_attribution(lines: list[str], number: int) -> bool:
    return any(ATTRIBUTION.match(" ".join(lines[number : number + count]).strip()) for count in (1, 2))


def _between(lines: list[str]) -> str:
    """Return what stands between marked lines."""
    marked = _marked(lines)
    if _is_unmarked(lines):
        return ""
    inside = lines[marked[0] : marked[-1]] if marked else []
    return "\n".join(line for line in inside if line and not line.lstrip().startswith(">"))


def _is_unmarked(lines: list[str]) -> bool:
    """Say whether a quote opens without marks: in it nobody can tell whose a line is."""
    marked = _marked(lines)
    opening = lines[: marked[0]] if marked else lines
    return any(DIVIDER.match(line.strip()) or HEADERS.match(line.strip()) for line in opening)


def _marked(lines: list[str]) -> list[int]:
    return [number for number, line in enumerate(lines) if line.lstrip().startswith(">")]


def _below(lines: list[str]) -> list[str]:
    """Return what stands below the last quoted line; nothing where a quote has no marks to tell its end by."""
    marked = _marked(lines)
    return lines[marked[-1] + 1 :] if marked else []


def _unsigned(lines: list[str]) -> str:
    for number, line in enumerate(lines):
        if _closes(line):
            lines = [*lines[:number], *_speaking(lines[number + 1 :])]
            break
    return "\n".join(lines).strip()


def _closes(line: str) -> bool:
    return bool(CLOSING.match(line.strip())) or line == "--"


def _remarks(below: list[str]) -> Iterator[str]:
    """List what is written right below a quoted line, as to that line, and what speaks of the order further down."""
    gap = next((number for number, line in enumerate(below) if not line or _closes(line)), len(below))
    yield from below[:gap]
    yield from _speaking(below[gap:])


def _speaking(lines: list[str]) -> Iterator[str]:
    """List the lines that say what becomes of an order, and a postscript, whatever it says."""
    postscript = False
    for line in lines:
        postscript = not _closes(line) and (postscript or bool(POSTSCRIPT.match(line)))
        if postscript or (not _closes(line) and any(PATTERNS[kind].search(plain(line)) for kind in SPEAKING)):
            yield line
