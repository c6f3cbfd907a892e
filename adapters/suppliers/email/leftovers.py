"""Words of an answer that no known phrase accounts for: whatever they say may turn the rest round. Pure.

"Accepted apart from the chair" and "we confirm the cancellation" hold a word of acceptance. No list of conditions is
ever complete, so an order is settled only by an answer whose every other word is known to change nothing.
"""

import re
from collections.abc import Iterable

from adapters.suppliers.email.words import plain

WORD = re.compile(r"[^\W\d_]+")
GREETING = re.compile(
    r"\W*(?:hello|hi|hey|dear|hallo|guten (?:tag|morgen|abend)|sehr geehrter?|lieber?|hola|estimad[oa]s?|buen[oa]s dias"
    r"|buenas tardes|bonjour|bonsoir|chere?|buongiorno|buonasera|salve|gentile|ciao)\b((?:\s+[\w.'-]+){0,4})\s*[,!:.]?"
)
NAME = re.compile(r"[^\W\d_a-z][\w.'&-]*(?:\s+[^\W\d_a-z][\w.'&-]*){0,3}[,.]?")
MOST_SIGNATURE = 2  # lines with a name or a company
YES = re.compile(r"^\W*s[iíì]\s*[,.;:!]", re.IGNORECASE)  # with an accent or without: elsewhere "si" is an "if"
# What is said of parcels and changes nothing of what is in them; over plain text.
ON_PARCELS = re.compile(
    r"(?<!\w)(?:parcel|package|shipment|courier|carrier|by|via|left|today|now|can|follow|track|tracking|link|at|under"
    r"|paket|sendung|heute|gestern|per|versand|folgendem|verfolgen|konnen|hier|paquete|envio|transportista|hoy|ayer"
    r"|seguir|colis|transporteur|aujourd'hui|hier|suivre|pouvez|pacco|corriere|oggi|ieri|seguire|potete)(?!\w)"
)
HARMLESS = frozenset(
    (
        # English
        "a all also am an and are as be been by completely customer day dear delivery everything for from fully goods "
        "good great has have hello hereby herewith hi i in inform is it item items madam many me morning my now of on "
        "order ordered orders our perfect po product products purchase ref reference regret shipment sir sorry team "
        "thank thanks that the this to today unfortunately us very was we were which whole will with yes you your "
        "number article articles afraid much delivered shipped soon "
        # German
        "ab alle alles am an artikel auftrag auftrags auftragsnummer bedauern bestellnummer bestellung bestellungen danke "
        "dank das dass dem den der des die ein eine einen einer erfolgt erst es frau fur ganze geehrte gerne gut guten "
        "hallo hat haben herr herren damen hiermit ich ihnen ihr ihre ihrem ihren ihrer im in ist ja komplett kunde "
        "leider lieferung mit mitteilen mussen nr nummer produkt produkte sehr sie sind tag tut leid und uns unser "
        "unsere unserer viele vielen vollstandig vom von war ware wir wird wurde wurden worden zu zum zur "
        # Spanish
        "a al articulo articulos buenas buenos cliente comunicarle compra con de del desgraciadamente dias el ella en "
        "entrega es esta estan estimado estimada estimados fue gracias ha han hemos hola informar la "
        "lamentablemente lamentamos las le les lo los muchas noches nuestra nuestro numero orden para pedido pedidos "
        "por producto productos que queda quedan senor senora sentimos sido su sus tardes toda todo todos un una y "
        # French
        "article articles au aux avec beaucoup bien bonjour bonsoir ce cette cher chere c commande commandes d de des "
        "desole desoles du elle en est et ete etait il informer j je l la le les livraison madame malheureusement "
        "merci monsieur nos notre nous numero ont oui par pour produit produits que regrettons sont tous tout toute "
        "toutes un une votre vos vous "
        # Italian
        "abbiamo al alla articoli articolo buongiorno buonasera che con consegna da dei del dell della di dispiace e "
        "gentile gli grazie ha hanno i il in la le lo mille nostra nostro numero ordine ordini per prodotti prodotto "
        "purtroppo salve siamo signora signore sono spiacenti stata stati stato state sua suo tutta tutti tutto un "
        "una uno vi vostra vostri vostro"
    ).split()
)


def has_leftovers(text: str, known: Iterable[re.Pattern[str]], signers: frozenset[str] = frozenset()) -> bool:
    """Say whether anything is written beside what ``known`` expressions find, greetings, names below, harmless words.

    ``signers``: words by which its sender is called, in plain text. Whatever else stands below is no name.
    """
    patterns = tuple(known)

    def without_known(line: str) -> str:
        for pattern in patterns:
            line = pattern.sub(" ", line)
        return line

    lines = [YES.sub(" ", line) for line in _unsigned(text.strip().split("\n"), signers)]
    lines = [line for line in lines if not _is_greeting(line, patterns)]
    rest = without_known(plain("\n".join(lines)))
    return any(word not in HARMLESS for word in WORD.findall(rest))


def _is_greeting(line: str, known: tuple[re.Pattern[str], ...]) -> bool:
    """Say whether a line only greets: by names, which are written large, or by words that change nothing."""
    greeting = GREETING.fullmatch(plain(line))
    if greeting is None or any(pattern.search(plain(line)) for pattern in known):
        return False
    greeted = len(greeting[1].split())
    words = [word for word in line.split() if WORD.search(word)]
    return all(word[0].isupper() or plain(word).strip(",!:.") in HARMLESS for word in words[len(words) - greeted :])


def _unsigned(lines: list[str], signers: frozenset[str]) -> list[str]:
    """Take off the sender's name where it stands below a blank line; what a colon announces is no name."""
    for count in range(1, MOST_SIGNATURE + 1):
        above, below = lines[:-count], [line.strip() for line in lines[-count:]]
        if above and not above[-1].strip() and all(_names_one_of(line, signers) for line in below):
            written = "\n".join(above).rstrip()
            return lines if written.endswith(":") else above
    return lines


def _names_one_of(line: str, signers: frozenset[str]) -> bool:
    """Say whether a line is a name of theirs: "Vorkasse" alone is written like one."""
    return bool(NAME.fullmatch(line)) and not signers.isdisjoint(WORD.findall(plain(line)))
