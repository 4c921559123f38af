"""Writes the cheat sheet as a PDF of one page, from the same text as its web page.

Pandoc turns the Markdown into Typst, and Typst sets it; both come as Python packages.
"""

from __future__ import annotations

import re
from pathlib import Path

import pypandoc
import typst
from sphinx.util import logging

log = logging.getLogger(__name__)
PAGE = "chapters/appendix/cheat-sheet"
LAYOUT = """\
#set page(paper: "a4", margin: (x: 10mm, y: 9mm), columns: 2)
#set columns(gutter: 6mm)
#set text(font: "Libertinus Serif", size: {size}pt)
#set par(leading: 0.45em, spacing: 0.6em)
#set list(spacing: 0.5em, indent: 0em, body-indent: 0.4em)
#set table(stroke: none, inset: (x: 2pt, y: 1.8pt))
#set figure(gap: 0pt)
#show figure: set block(breakable: false, spacing: 0.5em)
#show table: set align(left)
#show heading.where(level: 1): set text(size: 1.5em, fill: rgb("#1f4e79"))
#show heading.where(level: 2): set text(size: 1.12em, fill: rgb("#1f4e79"))
#show heading: set block(above: 0.75em, below: 0.45em)
#let horizontalrule = line(length: 100%)
"""
SIZES = (10.0, 9.5, 9.0, 8.5, 8.0, 7.5)


class TooLong(RuntimeError):
    """The text does not fit on one page."""


def markdown(text: str) -> str:
    """The page's text without what is for the web alone: label, front matter, raw HTML, targets of links."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^<a .*</a>$", "", text, flags=re.MULTILINE)
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)


def one_page(text: str) -> bytes:
    """The PDF, in the largest size of type with which the text fits on one page.

    Raises:
        TooLong: it does not fit in the smallest either.
    """
    # Wide lines, so that Pandoc leaves the widths of a table's columns to Typst.
    body = pypandoc.convert_text(
        markdown(text), "typst", format="markdown-smart", extra_args=["--columns=400"]
    )
    for size in SIZES:
        source = (LAYOUT.format(size=size) + body).encode()
        pictures = typst.compile(source, format="svg")
        if not isinstance(pictures, list) or len(pictures) == 1:
            return typst.compile(source)
    raise TooLong(f"{PAGE}.md does not fit on one page at {SIZES[-1]} pt: shorten it.")


def write(app, error):
    """Puts the PDF beside the page; a text that is too long is a warning, hence an error in a strict build."""
    if error or app.builder.format != "html" or PAGE not in app.env.found_docs:
        return
    text = Path(app.env.doc2path(PAGE)).read_text(encoding="utf8")
    try:
        (Path(app.outdir) / f"{PAGE}.pdf").write_bytes(one_page(text))
    except TooLong as too_long:
        log.warning(str(too_long))


def setup(app):
    app.connect("build-finished", write)
