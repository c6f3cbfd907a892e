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
    r"|buenas tardes|bonjour|bonsoir|chere?|buongiorno|buonasera|salve|gentile|ciao)\b(?:\s+[\w.'-]+){0,4}\s*[,!:.]?"
)
NAME = re.compile(r"[^\W\d_a-z][\w.'&-]*(?:\s+[^\W\d_a-z][\w.'&-]*){0,3}[,.]?")
MOST_SIGNATURE = 2  # lines with a name or a company
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
        "por producto productos que queda quedan senor senora sentimos si sido su sus tardes toda todo todos un una y "
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


def has_leftovers(text: str, known: Iterable[re.Pattern[str]]) -> bool:
    """Say whether anything is written beside what ``known`` expressions find, greetings, names below, harmless words."""
    patterns = tuple(known)

    def without_known(line: str) -> str:
        for pattern in patterns:
            line = pattern.sub(" ", line)
        return line

    lines = [line for line in _unsigned(text.strip().split("\n")) if not _is_greeting(plain(line), patterns)]
    rest = without_known(plain("\n".join(lines)))
    return any(word not in HARMLESS for word in WORD.findall(rest))


def _is_greeting(line: str, known: tuple[re.Pattern[str], ...]) -> bool:
    return bool(GREETING.fullmatch(line)) and not any(pattern.search(line) for pattern in known)


def _unsigned(lines: list[str]) -> list[str]:
    """Take off a name that stands below a blank line; what a colon announces is no name."""
    for count in range(1, MOST_SIGNATURE + 1):
        above, below = lines[:-count], [line.strip() for line in lines[-count:]]
        if above and not above[-1].strip() and all(map(NAME.fullmatch, below)):
            written = "\n".join(above).rstrip()
            return lines if written.endswith(":") else above
    return lines
