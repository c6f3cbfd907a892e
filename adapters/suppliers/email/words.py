"""What suppliers write in English, German, Spanish, French and Italian, as a table. A ``*`` stands for any letters.

Written as people write them; compared without case and accents. To be sure is what counts: a phrase that could mean
two things is left out, and its mail becomes a task.
"""

import re
import unicodedata
from collections.abc import Iterable

APOSTROPHES = re.compile("[’‘ʼ´`′]")
PHRASES: dict[str, dict[str, str]] = {
    "accepted": {
        "en": "accepted, confirmed, we confirm, acknowledged, approved",
        "de": "bestätigt, bestätigen wir, wir bestätigen, angenommen",
        "es": "aceptad*, confirmad*, confirmamos",
        "fr": "accepté*, confirmé*, confirmons, validé*",
        "it": "accettat*, confermat*, confermiamo",
    },
    # An acceptance where little else is written.
    "agreed": {
        "en": "ok, okay, all good, agreed",
        "de": "in ordnung, geht klar, einverstanden",
        "es": "de acuerdo, conforme, vale",
        "fr": "d'accord, entendu",
        "it": "va bene, d'accordo",
    },
    "rejected": {
        "en": (
            "rejected, declined, cannot deliver, can't deliver, cannot supply, can't supply, cannot ship, cannot "
            "fulfil*, not available, no longer available, unavailable, out of stock, no stock, not in stock, sold "
            "out, discontinued, cancelled, canceled, unable to deliver, unable to supply, unable to ship, unable "
            "to fulfil*"
        ),
        "de": (
            "abgelehnt, nicht lieferbar, nicht mehr lieferbar, nicht verfügbar, nicht mehr verfügbar, nicht "
            "liefern, ausverkauft, nicht vorrätig, nicht auf lager, storniert"
        ),
        "es": (
            "rechazad*, no disponible*, agotad*, sin stock, sin existencias, descatalogad*, cancelad*, anulad*, "
            "no podemos servir, no podemos entregar, no podemos suministrar, no podemos enviar"
        ),
        "fr": (
            "refusé*, non disponible*, pas disponible*, indisponible*, épuisé*, rupture de stock, en rupture, "
            "annulé*, ne pouvons pas livrer, ne pouvons pas fournir, ne pouvons pas expédier"
        ),
        "it": (
            "rifiutat*, non disponibil*, esaurit*, fuori produzione, annullat*, non possiamo consegnare, non "
            "possiamo fornire, non possiamo spedire"
        ),
    },
    "backordered": {
        "en": ("backorder*, back order*, back in stock, not available until, available again, available from, delayed"),
        "de": (
            "rückstand, lieferbar ab, wieder lieferbar, verfügbar ab, wieder verfügbar, nicht lieferbar bis, "
            "nicht verfügbar bis, verzögert*"
        ),
        "es": "pendiente de stock, disponible* a partir, no disponible* hasta, disponible* de nuevo, retrasad*",
        "fr": "disponible* à partir, indisponible* jusqu*, de nouveau disponible*, retardé*",
        "it": "disponibil* dal, disponibil* a partire, non disponibil* fino, di nuovo disponibil*, in ritardo",
    },
    "shipped": {
        "en": "shipped, dispatched, despatched, has left, on its way",
        "de": "versandt, verschickt, versendet, unterwegs, versendung",
        "es": "enviad*, expedid*, despachad*",
        "fr": "expédié*, envoyé*",
        "it": "spedit*, inviat*",
    },
    "cancelled": {
        "en": "cancelled, canceled",
        "de": "storniert",
        "es": "cancelad*, anulad*",
        "fr": "annulé*",
        "it": "annullat*",
    },
    "too_late": {
        "en": "too late, already shipped, already dispatched, has shipped, was shipped",
        "de": "zu spät, bereits versandt, bereits verschickt, schon verschickt, schon versandt",
        "es": "demasiado tarde, ya enviad*, ya ha sido enviad*, ya está enviad*",
        "fr": "trop tard, déjà expédié*, déjà envoyé*",
        "it": "troppo tardi, già spedit*, già inviat*",
    },
    # What makes any of the above less than certain.
    "hedge": {
        "en": (
            "but, however, except, instead, alternative*, only, partial*, partly, price*, rest, remaining, some, "
            "unless, subject to, pending, one of, half, would, could, if, change*, different, substitut*, will "
            "be, to be confirmed, soon, shortly, tomorrow, wait*, await*, check*, review*, please, replac*, "
            "other*, earlier, previous, piece*, pcs, first, second, an article, an item, a product, many articles, many "
            "items, many products"
        ),
        "de": (
            "aber, jedoch, außer, nur, teil*, statt, stattdessen, alternativ*, preis*, einige, sobald, "
            "vorbehaltlich, falls, sondern, geändert*, ersatz*, wird bestätigt, werden bestätigt, in kürze, "
            "demnächst, prüf*, geprüft, warte*, klären, klärt, klärung*, geklärt, bitte, ersetz*, andere*, "
            "vorherige*, stück*, erste*, zweite*, melden uns, ein artikel, einen artikel, ein produkt, "
            "viele artikel, viele produkte"
        ),
        "es": (
            "pero, salvo, excepto, solo, parcial*, en lugar, alternativ*, precio*, algun*, resto, pendiente de "
            "pago, sustitu*, será, serán, en breve, pronto, revis*, verific*, esper*, por favor, reemplaz*, otr*, "
            "anterior*, unidad*, primer*, segund*, un artículo, un producto, muchos artículos, muchos productos"
        ),
        "fr": (
            "mais, sauf, seulement, partiel*, à la place, alternativ*, prix, certain*, reste, sous réserve, "
            "remplac*, sera, seront, prochainement, bientôt, vérifi*, attend*, attente, veuillez, s'il vous "
            "plaît, svp, autre*, précédent*, pièce*, premier*, première*, un article, un produit, des articles, des "
            "produits, beaucoup d'articles, beaucoup de produits"
        ),
        "it": (
            "ma, tranne, soltanto, parzial*, invece, alternativ*, prezz*, alcun*, resto, salvo, sostitu*, sarà, "
            "saranno, a breve, presto, verific*, controll*, attend*, attesa, per favore, si prega, altr*, "
            "precedent*, pezz*, second*, primo, prima parte, un articolo, un prodotto, degli articoli, dei prodotti"
        ),
    },
    # What makes a refusal less than final.
    "temporary": {
        "en": (
            "before, until, till, today, this week, currently, at the moment, temporarily, for now, week*, month*, next, "
            "expect*, restock*, arriv*, later, still, again, back"
        ),
        "de": (
            "vor, bis, heute, derzeit, aktuell, momentan, zur zeit, vorübergehend, woche*, monat*, nächste*, erwart*, "
            "wieder, später, nachschub"
        ),
        "es": (
            "antes, hasta, hoy, actualmente, de momento, por el momento, temporalmente, semana*, mes, meses, próxim*, "
            "lleg*, luego"
        ),
        "fr": (
            "avant, jusqu*, aujourd'hui, actuellement, pour le moment, en ce moment, temporairement, semaine*, mois, "
            "prochain*, réassort*, réapprovisionn*, arriv*"
        ),
        "it": (
            "prima, fino, oggi, attualmente, al momento, per ora, temporaneamente, settiman*, mese, mesi, prossim*, "
            "arriv*, riassort*"
        ),
    },
    "negation": {
        "en": (
            "not, no, never, none, nothing, nobody, neither, nor, without, cannot, *n't, cant, couldnt, didnt, dont, "
            "doesnt, hasnt, havent, isnt, wasnt, werent, wont, yet to, fail*, refus*"
        ),
        "de": "nicht, nichts, kein*, nie, niemals, niemand, noch nicht, weder, ohne, mitnichten",
        "es": "nunca, jamás, tampoco, todavía no, ni, nada, nadie, ningún*, sin",
        "fr": "ne, n'*, pas, aucun*, jamais, rien, personne, ni, sans",
        "it": "non, nessun*, mai, niente, nulla, né, neanche, nemmeno, neppure, senza",
    },
    "question": {
        "en": "please clarify, please confirm, could you, can you, let us know",
        "de": "bitte um, können sie, bitte bestätigen sie, rückfrage, frage",
        "es": "por favor confirme*, pueden, podrían, pregunta",
        "fr": "pouvez-vous, pourriez-vous, merci de confirmer, question",
        "it": "potete, potreste, domanda",
    },
    # What points to a paper, and says nothing itself.
    "attached": {
        "en": (
            "attached, see attached, see attachment, please find attached, please see attached, order confirmation, "
            "confirmation"
        ),
        "de": "siehe anhang, im anhang, anbei, auftragsbestätigung, bestellbestätigung, bestätigung",
        "es": "ver adjunto, adjunto, adjunta, adjuntamos, confirmación de pedido, confirmación",
        "fr": "voir pièce jointe, en pièce jointe, ci-joint, ci-jointe, confirmation de commande",
        "it": "vedi allegato, in allegato, allegato, conferma d'ordine, conferma",
    },
    # What nobody says of good news.
    "regret": {
        "en": "unfortunately, regret, sorry, afraid",
        "de": "leider, bedauern, leid",
        "es": "lamentablemente, desgraciadamente, lamentamos, sentimos",
        "fr": "malheureusement, désolé*, regrettons",
        "it": "purtroppo, dispiace, spiacenti",
    },
    # One of the articles: of an order for several, nobody knows which.
    "singular": {
        "en": "article, item, product",
        "de": "der artikel, dieser artikel, den artikel, diesen artikel, das produkt, dieses produkt",
        "es": "artículo, producto",
        "fr": "article, produit",
        "it": "articolo, prodotto",
    },
    # Subjects of answers that nobody has written.
    "absent": {
        "en": "out of office, automatic reply, auto reply, autoreply, auto-reply, on vacation",
        "de": "abwesenheit*, automatische antwort, abwesend",
        "es": "respuesta automática, fuera de la oficina",
        "fr": "réponse automatique, absence du bureau, absent du bureau",
        "it": "risposta automatica, fuori sede, fuori ufficio",
    },
}


def plain(text: str) -> str:
    """Write a text without case and accents, so that phrases can be found in it."""
    folded = unicodedata.normalize("NFKD", APOSTROPHES.sub("'", text.casefold()))
    return " ".join("".join(sign for sign in folded if not unicodedata.combining(sign)).split())


def pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Compile phrases into one expression over plain text."""
    written = (re.escape(plain(phrase)).replace(r"\*", r"\w*") for phrase in phrases)
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(written, key=len, reverse=True))})(?!\w)")


PATTERNS = {
    kind: pattern(phrase for listed in languages.values() for phrase in listed.split(", "))
    for kind, languages in PHRASES.items()
}
