"""A pick slip to print: one page of HTML that needs nothing else. It holds personal data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ page.number }}</title>
<style>
  body { font: 12pt/1.4 sans-serif; margin: 2cm; color: #000; background: #fff }
  h1 { font-size: 20pt; margin: 0 0 .2em }
  address { font-style: normal; font-size: 14pt; margin: 1.2em 0; padding: .8em 1em; border: 1px solid #000; width: 60% }
  table { border-collapse: collapse; width: 100% }
  th, td { border-bottom: 1px solid #999; padding: .4em .6em .4em 0; text-align: left; vertical-align: top }
  .units { text-align: right; font-weight: bold }
  .box { display: inline-block; width: 1em; height: 1em; border: 1px solid #000 }
  .stop { font-size: 16pt; border: 3px solid #000; padding: .4em .6em }
  thead { display: table-header-group }
  tr { break-inside: avoid }
</style>
</head>
<body>
<h1>{{ page.number }}</h1>
<div>{{ page.warehouse }} · order {{ page.order }}{% if page.ship_by %} · ship by {{ page.ship_by }}{% endif %}</div>
{% if page.state != "open" %}<p class="stop">This is {{ page.state }}: do not send it.</p>{% endif %}
<address>{% for part in address %}{{ part }}{% if not loop.last %}<br>{% endif %}{% endfor %}</address>
<table>
<thead><tr><th></th><th class="units">Units</th><th>EAN</th><th>Number</th><th>Article</th></tr></thead>
<tbody>
{% for line in page.lines %}
<tr><td><span class="box"></span></td><td class="units">{{ line.quantity }}</td><td>{{ line.ean }}</td>
<td>{{ line.sku }}</td><td>{{ line.title }}</td></tr>
{% endfor %}
</tbody>
</table>
</body>
</html>
"""


def write_slip(path: Path, page: Mapping[str, Any], address: Sequence[str]) -> None:
    """Write the slip of a pick task, as ``picks show`` has it. Raises OSError where that can't be."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    path.write_text(environment.from_string(_PAGE).render(page=page, address=address), "utf-8")
