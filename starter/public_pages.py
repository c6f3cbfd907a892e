"""What the pages behind links have in common: how they look, and what browsers are told of them. No script."""

import base64
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

STYLE = """
body{margin:0;background:#f6f6f4;color:#1c1c1a;font:1.0625rem/1.5 system-ui,sans-serif}
main{max-width:34rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25}
fieldset,details{border:1px solid #8a8a84;border-radius:.5rem;background:#fff;margin:0 0 1rem;padding:.75rem 1rem}
legend,summary{font-weight:600;padding:0 .25rem}
label{display:flex;gap:.75rem;align-items:flex-start;padding:.6rem 0}
input{flex:none;width:1.25rem;height:1.25rem;margin:.15rem 0 0}
button{font:inherit;font-weight:600;width:100%;padding:.75rem;border:2px solid #14532d;border-radius:.5rem;
background:#14532d;color:#fff;margin:.25rem 0 1.5rem;cursor:pointer}
button.quiet{background:#fff;color:#7f1d1d;border-color:#7f1d1d;margin-bottom:.25rem}
.problem{border-left:.3rem solid #7f1d1d;padding-left:.75rem}
:focus-visible{outline:3px solid #1d4ed8;outline-offset:2px}
"""
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def headers_for(style: str) -> dict[str, str]:
    """Write the headers of a page that nobody keeps, frames or runs anything in, and that has this style."""
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    return {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
    }
