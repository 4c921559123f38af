"""Makes pages lighter and more accessible than the theme leaves them."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from docutils import nodes

DESCRIPTION_LENGTH = 155


def lean_head(app, pagename, templatename, context, doctree):
    """Drops the unused Thebe scripts and repeated scripts; adds a description."""
    seen, kept = set(), []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body", "")
        text = f"{getattr(script, 'filename', script) or ''}{body}"
        if "thebe" in text.lower() or text in seen:
            continue
        seen.add(text)
        kept.append(script)
    context["script_files"] = kept
    context["css_files"] = [
        c for c in context.get("css_files", []) if "thebe" not in str(getattr(c, "filename", c))
    ]
    if doctree is not None:
        first = next((p for p in doctree.findall(nodes.paragraph) if p.astext().strip()), None)
        if first is not None:
            text = " ".join(first.astext().split())[:DESCRIPTION_LENGTH]
            tag = f'<meta name="description" content="{escape(text, quote=True)}">'
            context["metatags"] = (context.get("metatags") or "") + tag


# The theme ships Font Awesome as fonts and again as 1.5 MB of script; the fonts are enough.
FONT_SCRIPT = re.compile(
    r'\s*<script[^>]*src="[^"]*(?:scripts/fontawesome|fontawesome/[^"]*/js/all\.min)\.js[^"]*"[^>]*></script>'
)
FONT_PRELOAD = re.compile(r'\s*<link rel="preload" as="script"[^>]*fontawesome[^>]*>')


def lean_pages(app, exception):
    """Edits the written pages where the theme has no setting."""
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        if "_static" in path.relative_to(app.outdir).parts:
            continue
        before = path.read_text(encoding="utf8")
        after = FONT_PRELOAD.sub("", FONT_SCRIPT.sub("", before))
        after = after.replace('<summary aria-label="Toggle hidden content">', "<summary>")
        # The visible words are the name; a different label confuses speech control.
        after = re.sub(
            r'(<button[^>]*class="[^"]*search-button-field[^>]*?) aria-label="Search"', r"\1", after
        )
        if after != before:
            path.write_text(after, encoding="utf8")


def setup(app):
    app.connect("html-page-context", lean_head, priority=900)
    app.connect("build-finished", lean_pages)
