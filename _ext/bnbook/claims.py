"""The table of "Claims on trial": data in a YAML file, one row a claim, rendered when the book is built.

    :::{verdicts} claims.yml      what each verdict means, and how many rows have it
    :::{claims} claims.yml        the table, by topic, with a form that `claims.js` brings to life

The file maps `verdicts` and `topics` to their descriptions and lists `claims`; see FIELDS. Evidence is
a list of `labels`, sections of this book, and of `sources`, keys of the bibliography; at least one.
What is wrong with the file, a label or a key is a warning of the build, so that a strict build fails.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

FIELDS = ("id", "claim", "topic", "verdict", "truth", "evidence")
EVIDENCE = ("labels", "sources")
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
COLUMNS = ("Popular articles say", "Verdict", "In one sentence", "Evidence")

# On a narrow screen rows become cards, which a browser takes for no table; the roles keep it one.
ROLES = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "td": "cell"}
HEADINGS = {"col": "columnheader", "row": "rowheader", "rowgroup": "rowheader"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claims:
    """verdicts, topics: name → description, in the order of the page. rows: of the table, in order."""

    verdicts: dict[str, str]
    topics: dict[str, str]
    rows: list[dict]

    def count(self) -> Counter:
        return Counter(row["verdict"] for row in self.rows)


def load(path: Path) -> Claims:
    """Reads and checks the file; rows come by topic, then by verdict, else in the file's order.

    Raises ValueError with everything that is wrong, a line each.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf8"))
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    wanted = {"verdicts": dict, "topics": dict, "claims": list}
    for name, kind in wanted.items():
        if not isinstance(data, dict) or not isinstance(data.get(name), kind) or not data[name]:
            raise ValueError(f"{path.name}: `{name}` is missing, empty or no {kind.__name__}.")
    verdicts, topics, rows = (data[name] for name in wanted)
    wrong = [f"{path.name}: {w}" for w in _wrong(verdicts, topics, rows)]
    if wrong:
        raise ValueError("\n".join(wrong))
    place = {name: i for names in (verdicts, topics) for i, name in enumerate(names)}
    rows = sorted(rows, key=lambda row: (place[row["topic"]], place[row["verdict"]]))
    return Claims(verdicts, topics, rows)


def _wrong(verdicts, topics, rows):
    """What is wrong with the rows, a sentence each."""
    seen = set()
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or set(row) != set(FIELDS):
            yield f"claim number {number} needs exactly the fields {', '.join(FIELDS)}."
            continue
        of_row = f"claim {row['id']!r}"
        if not ID.fullmatch(str(row["id"])):
            yield f"{of_row}: an id is lower-case words and digits joined by hyphens."
        if row["id"] in seen:
            yield f"{of_row}: this id is there twice."
        seen.add(row["id"])
        for field, known in (("verdict", verdicts), ("topic", topics)):
            if row[field] not in known:
                yield f"{of_row}: unknown {field} {row[field]!r}; known are {', '.join(known)}."
        for field in ("claim", "truth"):
            if not isinstance(row[field], str) or not row[field].strip().endswith("."):
                yield f"{of_row}: `{field}` is a sentence that ends in a full stop."
        evidence = row["evidence"]
        named = evidence if isinstance(evidence, dict) and set(evidence) <= set(EVIDENCE) else {}
        if not any(named.values()) or not all(isinstance(v, list) for v in named.values()):
            yield f"{of_row}: evidence is a list of `labels`, of `sources`, or both."


class tag(nodes.General, nodes.TextElement):
    """An HTML element: node["name"], and node["attributes"] as a dict (None: no value)."""


class section_link(nodes.Inline, nodes.Element):
    """A link to the section with node["label"], on any page; of row node["row"]."""


def element(name, /, *children, **attributes):
    """A `tag`, with its role in a table.

    Trailing underscores of attributes are dropped, others become hyphens.
    """
    role = ROLES.get(name) or HEADINGS.get(attributes.get("scope"))
    if role:
        attributes["role"] = role
    attributes = {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items()}
    return tag("", "", *children, name=name, attributes=attributes)


class ClaimsDirective(SphinxDirective):
    """Reads the file and leaves the rendering to a subclass."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = False

    def run(self):
        _, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(path)
        try:
            claims = load(Path(path))
        except ValueError as error:
            raise self.error(str(error)) from error
        return self.render(claims)

    def text(self, source):
        """Inline nodes of a line of Markdown."""
        children, messages = self.state.inline_text(" ".join(source.split()), self.lineno)
        return [*children, *messages]


class VerdictsDirective(ClaimsDirective):
    def render(self, claims):
        count, body = claims.count(), element("tbody")
        for verdict, meaning in claims.verdicts.items():
            body += element(
                "tr",
                element("th", badge(verdict), scope="row"),
                element("td", *self.text(meaning)),
                element("td", nodes.Text(str(count[verdict])), class_="number"),
            )
        body += element(
            "tr",
            element("th", nodes.Text("all"), scope="row"),
            element("td"),
            element("td", nodes.Text(str(len(claims.rows))), class_="number"),
        )
        return [element("table", head("Verdict", "It means", "Claims"), body, class_="verdicts")]


class TableDirective(ClaimsDirective):
    def render(self, claims):
        table = element("table", head(*COLUMNS), class_="claims")
        for topic, description in claims.topics.items():
            rows = [row for row in claims.rows if row["topic"] == topic]
            if rows:
                table += self.group(topic, description, rows)
        return [form(claims), table]

    def group(self, topic, description, rows):
        heading = element("th", *self.text(description), scope="rowgroup", colspan="4")
        body = element("tbody", element("tr", heading, class_="topic"))
        body["attributes"]["data-topic"] = topic
        for row in rows:
            cells = (
                self.text(row["claim"]),
                [badge(row["verdict"])],
                self.text(row["truth"]),
                self.evidence(row),
            )
            line = element("tr", id=f"claim-{row['id']}", data_verdict=row["verdict"])
            for name, cell in zip(("claim", "verdict", "truth", "evidence"), cells, strict=True):
                line += element("td", *cell, class_=name)
            body += line
        return body

    def evidence(self, row):
        links = [[section_link(label=b, row=row["id"])] for b in row["evidence"].get("labels", [])]
        known = self.env.get_domain("cite").bibdata.data.entries
        for key in row["evidence"].get("sources", []):
            if key in known:
                links.append(self.text(f"{{cite:t}}`{key}`"))
            else:
                place = (self.env.docname, self.lineno)
                logger.warning(
                    "claim %r: no source has the key %r.", row["id"], key, location=place
                )
        return [element("ul", *(element("li", *link) for link in links))]


def badge(verdict):
    name = verdict.replace(" ", "-")
    return element("span", nodes.Text(verdict), class_=f"verdict verdict-{name}")


def head(*columns):
    cells = [element("th", nodes.Text(c), scope="col") for c in columns]
    return element("thead", element("tr", *cells))


def form(claims):
    """Two choices and a count; hidden until the script is there to obey them."""
    box = element("form", class_="claims-filter", hidden=None)
    of_topic = Counter(row["topic"] for row in claims.rows)
    for label, names, count in (
        ("Verdict", claims.verdicts, claims.count()),
        ("Topic", claims.topics, of_topic),
    ):
        options = [element("option", nodes.Text("all"), value="")]
        for name in names:
            text = nodes.Text(f"{name} ({count[name]})")
            options.append(element("option", text, value=name))
        select = element("select", *options, name=label.lower())
        box += element("label", nodes.Text(f"{label} "), select)
    box += element("button", nodes.Text("Show all"), type="reset")
    box += element("output", role="status", aria_live="polite")
    return box


def link_sections(app, doctree, docname):
    """Puts "4.1 A batch of one" for a label, chapter's number and section's title, or "Trial: …"."""
    labels = app.env.get_domain("std").labels
    for node in list(doctree.findall(section_link)):
        if node["label"] not in labels:
            logger.warning(
                "claim %r: no section is labelled %r.", node["row"], node["label"], location=docname
            )
            node.parent.remove(node)
            continue
        page, anchor, title = labels[node["label"]]
        number = re.match(r"\d+\.\d+ ", app.env.titles[page].astext())
        if node["label"].startswith("trial-"):
            title = f"Trial: {title}"
        elif number and not title.startswith(number[0]):
            title = number[0] + title
        node.replace_self(make_refnode(app.builder, docname, page, anchor, nodes.Text(title)))


def visit_tag(self, node):
    parts = [
        f" {name}" if value is None else f' {name}="{escape(value)}"'
        for name, value in node["attributes"].items()
    ]
    self.body.append(f"<{node['name']}{''.join(parts)}>")


def depart_tag(self, node):
    self.body.append(f"</{node['name']}>")


def _pass(self, node):
    """Other builders show the words alone."""


def setup(app):
    others = dict.fromkeys(("latex", "text"), (_pass, _pass))
    app.add_node(tag, html=(visit_tag, depart_tag), **others)
    app.add_node(section_link)
    app.add_directive("verdicts", VerdictsDirective)
    app.add_directive("claims", TableDirective)
    app.connect("doctree-resolved", link_sections)
