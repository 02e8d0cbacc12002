"""Pages for people at /docs, made from the same table as OpenAPI. One file, no scripts, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from farcall.domain.errors import ERRORS
from farcall.gateway.operations import Operation

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, .path { font-family: ui-monospace, monospace; }
section { border-top: 1px solid #8884; padding: .75rem 0; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .25rem .5rem; vertical-align: top; }
tr + tr td { border-top: 1px solid #8884; } summary { cursor: pointer; }
"""
_CONVERTOR = re.compile(r":\w+\}")


def page(table: Sequence[Operation], version: str) -> str:
    """The whole surface as one HTML page."""
    tags: dict[str, list[Operation]] = {}
    for operation in table:
        tags.setdefault(operation.tag, []).append(operation)
    parts = [_tag(tag, rows) for tag, rows in tags.items()]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Farcall hub · REST</title><style>{_STYLE}</style></head><body>
<h1>Farcall hub</h1>
<p>Version {escape(version)}. The same for programs: <a href="/openapi.json">openapi.json</a>.
Send <code>Authorization: Bearer farcall_pat_…</code> with every request but those of the hub's health.</p>
{"".join(parts)}
<h2>Errors</h2><p>Errors are <code>application/problem+json</code> with one of these as <code>code</code>.</p>
<table><tr><th>code</th><th>status</th><th>meaning</th><th>try again</th></tr>{_errors()}</table>
</body></html>
"""


def _tag(tag: str, rows: Sequence[Operation]) -> str:
    return f"<h2>{escape(tag.capitalize())}</h2>" + "".join(_operation(row) for row in rows)


def _operation(row: Operation) -> str:
    path = _CONVERTOR.sub("}", row.path)
    answers = "".join(
        f"<tr><td>{status}</td><td>{escape(answer.meaning)}</td></tr>" for status, answer in row.answers.items()
    )
    refusals = "".join(
        f'<tr><td>{ERRORS[code].http_status}</td><td><a href="#{code}">{code}</a></td></tr>'
        for code in sorted(row.all_errors, key=lambda code: ERRORS[code].http_status)
    )
    headers = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in row.headers.items())
    return (
        f'<section><div class="path"><span class="method">{row.method}</span>{escape(path)}</div>'
        f"<p>{escape(row.summary)}</p><details><summary>headers, answers</summary>"
        f"<table>{headers}{answers}{refusals}</table></details></section>"
    )


def _errors() -> str:
    return "".join(
        f'<tr id="{kind.code}"><td><code>{kind.code}</code></td><td>{kind.http_status}</td>'
        f"<td>{escape(kind.meaning)}</td><td>{'yes' if kind.retryable else 'no'}</td></tr>"
        for kind in ERRORS.values()
    )
