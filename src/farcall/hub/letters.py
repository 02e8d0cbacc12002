"""Short letters of the hub's own: some paragraphs, and perhaps a link."""

from __future__ import annotations

from html import escape

from farcall.hub import ports


def letter(email: str, subject: str, lines: list[str], link: str = "") -> ports.Mail:
    """Handles, names and addresses were checked: they hold nothing that could be a header or a line."""
    text = "\n\n".join(["Hello,", *lines, *([f"    {link}"] if link else [])]) + "\n"
    button = f'<p><a href="{escape(link)}">{escape(subject)}</a></p>' if link else ""
    html = (
        '<!doctype html><html lang="en"><body style="font:16px/1.5 sans-serif;max-width:40em"><p>Hello,</p>'
        f"{''.join(f'<p>{escape(line)}</p>' for line in lines)}{button}</body></html>\n"
    )
    return ports.Mail(email, subject, text, html)
