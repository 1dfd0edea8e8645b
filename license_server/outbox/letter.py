"""A mail's content in blocks, and its two forms: plain text and HTML. PURE."""

import textwrap
from dataclasses import dataclass
from html import escape

_WIDTH = 76


@dataclass(frozen=True)
class Code:
    """Something to be copied, on a line of its own."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Names and values, one line each."""

    rows: tuple[tuple[str, str], ...]


Block = str | Code | Facts


@dataclass(frozen=True)
class Letter:
    """A subject, and blocks in their order; a bare text is a paragraph."""

    subject: str
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """Return the plain text, wrapped at 76 columns."""
        return "\n\n".join(_as_text(block) for block in self.blocks) + "\n"

    @property
    def html(self) -> str:
        """Return an HTML document that loads nothing.

        It names no color: each mail program has its own, in the light and in the dark.
        """
        body = "\n".join(_as_html(block) for block in self.blocks)
        return _DOCUMENT.format(title=escape(self.subject), body=body)


def _as_text(block: Block) -> str:
    if isinstance(block, Code):
        return f"    {block.text}"
    if isinstance(block, Facts):
        width = max(len(name) for name, _ in block.rows) + 2
        return "\n".join(f"{name + ':':{width}}{value}" for name, value in block.rows)
    return _wrapped(block)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _as_html(block: Block) -> str:
    if isinstance(block, Code):
        return f'<p style="{_CODE}">{escape(block.text)}</p>'
    if isinstance(block, Facts):
        rows = "\n".join(_row(name, value) for name, value in block.rows)
        return f"<table>\n{rows}\n</table>"
    return f"<p>{escape(_wrapped(block))}</p>"


def _row(name: str, value: str) -> str:
    heading = f'<th scope="row" style="{_CELL}">{escape(name)}</th>'
    cell = f'<td style="vertical-align: top">{escape(value)}</td>'
    return f"<tr>{heading}\n{cell}</tr>"


_CELL = "text-align: left; font-weight: normal; padding: 2px 24px 2px 0; vertical-align: top"
_CODE = (
    "font-family: ui-monospace, Consolas, monospace; font-size: 16px; padding: 12px 16px; "
    "border: 1px solid; border-radius: 6px; display: inline-block; word-break: break-all"
)
_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
</head>
<body style="font-family: system-ui, sans-serif; font-size: 16px; line-height: 1.5">
<div style="max-width: 600px; margin: 0 auto; padding: 16px">
{body}
</div>
</body>
</html>
"""
