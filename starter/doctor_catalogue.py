"""The doctor's look at the catalogue: variants without a barcode, with one used twice, with one nobody sells."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from stdnum import ean as gtin

from adapters.errors import AdapterError
from adapters.ports import SupplierPort
from models.articles import normalise_ean
from models.findings import Finding, Severity

BATCH = 100  # EANs in one question to a supplier
NAMED = 20  # variants that a finding names
Progress = Callable[[str], None]


def catalogue_findings(
    channel: str,
    catalogue: Sequence[tuple[str, str]],
    mapped: Mapping[str, str],
    suppliers: Mapping[str, SupplierPort],
    progress: Progress,
) -> list[Finding]:
    """Judge every variant on sale; a person's mapping counts as its barcode."""
    eans = {variant: normalise_ean(mapped.get(variant) or barcode) for variant, barcode in catalogue}
    by_ean: dict[str, list[str]] = defaultdict(list)
    for variant, ean in eans.items():
        if ean:
            by_ean[ean].append(variant)
    known, unanswered = _known_anywhere(list(by_ean), suppliers, progress)
    findings = [
        _without_barcode(channel, [variant for variant, ean in eans.items() if not ean]),
        _used_twice(channel, {ean: variants for ean, variants in by_ean.items() if len(variants) > 1}),
        _bad_check_digit(channel, [ean for ean in by_ean if not gtin.is_valid(ean)]),
        *unanswered,
    ]
    if not unanswered:
        findings.append(_unknown(channel, {ean: found for ean, found in by_ean.items() if ean not in known}))
    problems = [finding for finding in findings if finding]
    return problems or [_ok(channel, f"{len(eans)} variants, every barcode known to a supplier")]


def _known_anywhere(
    eans: Sequence[str], suppliers: Mapping[str, SupplierPort], progress: Progress
) -> tuple[set[str], list[Finding | None]]:
    """Ask supplier after supplier about what none before it knows."""
    known: set[str] = set()
    unanswered: list[Finding | None] = []
    for name, port in suppliers.items():
        wanted = [ean for ean in eans if ean not in known]
        try:
            for start in range(0, len(wanted), BATCH):
                progress(f"{name}: {start} of {len(wanted)} EANs asked")
                known |= {one.ean for one in port.fetch_stock(wanted[start : start + BATCH]) if one.known}
        except AdapterError as error:
            message = f"not compared with {name}: {error}"
            unanswered.append(_warning("catalogue", "suppliers' articles", message, "run doctor again"))
    return known, unanswered


def _without_barcode(channel: str, variants: Sequence[str]) -> Finding | None:
    message = f"{len(variants)} variants have no barcode: {_some(variants)}"
    remedy = "enter the barcode in the shop, or run `dropwright article map`"
    return _warning(channel, "variants without barcode", message, remedy) if variants else None


def _used_twice(channel: str, twice: Mapping[str, Sequence[str]]) -> Finding | None:
    pairs = [f"{ean} ({', '.join(variants)})" for ean, variants in sorted(twice.items())]
    message = f"{len(twice)} barcodes stand on several variants: {_some(pairs)}"
    remedy = "correct the wrong ones: all of them are ordered as the same article"
    return _warning(channel, "barcodes used twice", message, remedy) if twice else None


def _bad_check_digit(channel: str, eans: Sequence[str]) -> Finding | None:
    message = f"{len(eans)} barcodes are no EANs by their check digit: {_some(eans)}"
    remedy = "compare them with the supplier's articles; they are ordered as they stand"
    return _warning(channel, "check digits", message, remedy) if eans else None


def _unknown(channel: str, unknown: Mapping[str, Sequence[str]]) -> Finding | None:
    pairs = [f"{ean} ({', '.join(variants)})" for ean, variants in sorted(unknown.items())]
    message = f"{len(unknown)} barcodes are known to no supplier: {_some(pairs)}"
    remedy = "correct the barcode in the shop, or run `dropwright article map` with the supplier's EAN"
    return _warning(channel, "unknown barcodes", message, remedy) if unknown else None


def _some(words: Iterable[str]) -> str:
    listed = list(words)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return f"{', '.join(listed[:NAMED])}{more}"


def _warning(channel: str, subject: str, message: str, remedy: str) -> Finding:
    return Finding(
        area=f"catalogue {channel}", severity=Severity.WARNING, subject=subject, message=message, remedy=remedy
    )


def _ok(channel: str, message: str) -> Finding:
    return Finding(area=f"catalogue {channel}", severity=Severity.OK, subject="barcodes", message=message)
