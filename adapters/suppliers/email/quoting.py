"""What somebody has written in answer, without the mail that is answered and without a signature. Pure."""

import re

# "On 2 March, Ana wrote:" in the languages of ``words``; it may run over two lines.
ATTRIBUTION = re.compile(
    r"^(on\b.{3,200}\bwrote|am\b.{3,200}\bschrieb\b.{0,100}|el\b.{3,200}\bescribi[oó]|le\b.{3,200}\ba [eé]crit"
    r"|il\b.{3,200}\bha scritto)\s*:$",
    re.IGNORECASE | re.DOTALL,
)
# Outlook and its like: a line, or the headers of the mail that is answered; all that follows is quoted.
DIVIDER = re.compile(
    r"^(-{2,}\s*(original message|urspr[uü]ngliche nachricht|mensaje original|message d'origine|messaggio originale"
    r"|forwarded message|weitergeleitete nachricht|mensaje reenviado|message transf[eé]r[eé]|messaggio inoltrato)\s*-*"
    r"|_{20,})$",
    re.IGNORECASE,
)
HEADERS = re.compile(r"^\*?(from|von|de|da|expéditeur|mittente)\s?\*?:\*?\s?.+", re.IGNORECASE)
MORE_HEADERS = re.compile(
    r"^\*?(sent|gesendet|enviado|envoyé|inviato|date|datum|fecha|data|to|an|para|à|a)\s?\*?:", re.IGNORECASE
)
CLOSING = re.compile(
    r"^(-- ?|(with )?(best|kind|warm|many thanks and)?\s*regards|best wishes|sincerely|yours (sincerely|faithfully)|cheers"
    r"|(mit )?(freundlichen?|besten?|viele[nr]?|liebe|schöne) gr(ü|ue)(ß|ss)en?|mfg|hochachtungsvoll"
    r"|(un )?saludos?( cordiales)?|atentamente|cordialmente|(bien )?cordialement|salutations.*|bonne journée"
    r"|(cordiali|distinti) saluti|saluti|sent from my .*|von meinem .* gesendet|enviado desde mi .*|envoyé de mon .*"
    r"|inviato da .*)[\s,.!]*$",
    re.IGNORECASE,
)


def reply_of(text: str) -> str:
    """Return what was written above the quote and between its lines, or else below it; "" where nothing was."""
    lines = [line.rstrip() for line in text.replace("\u00a0", " ").split("\n")]
    start = _quote_starts(lines)
    written = [_unsigned(lines[:start]), _between(lines[start:])]
    if any(written) or start == len(lines):
        return "\n".join(filter(None, written))
    return _unsigned(_below(lines[start:]))


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
    """Whatever stands between marked lines; in a quote that opens without marks nobody can tell whose it is."""
    marked = _marked(lines)
    opening = lines[: marked[0]] if marked else lines
    if any(DIVIDER.match(line.strip()) or HEADERS.match(line.strip()) for line in opening):
        return ""
    inside = lines[marked[0] : marked[-1]] if marked else []
    return "\n".join(line for line in inside if line and not line.lstrip().startswith(">"))


def _marked(lines: list[str]) -> list[int]:
    return [number for number, line in enumerate(lines) if line.lstrip().startswith(">")]


def _below(lines: list[str]) -> list[str]:
    """Whatever stands below the last quoted line; nothing where a quote has no marks to tell its end by."""
    marked = _marked(lines)
    return lines[marked[-1] + 1 :] if marked else []


def _unsigned(lines: list[str]) -> str:
    for number, line in enumerate(lines):
        if CLOSING.match(line.strip()) or line == "--":
            lines = lines[:number]
            break
    return "\n".join(lines).strip()
