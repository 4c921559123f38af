"""Questions with an explanation for every answer: `predict` (before an experiment) and `quiz`;
and questions with one answer to reveal: `reveal`.

    :::{quiz} What does γ do?
    - [ ] It shifts the output.

      That is β.
    - [x] It scales the output.

      Yes: y = γ·x̂ + β.
    :::

Each answer is a native `details` element, so it works with the keyboard, in a screen
reader, in dark mode and without JavaScript. `[x]` marks right answers.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

MARK = re.compile(r"^\[( |x)\]\s+")


class details(nodes.General, nodes.Element):
    """A disclosure element; `group` makes the ones with the same name exclusive."""


class summary(nodes.General, nodes.TextElement):
    """The visible line of a `details`."""


class Question(SphinxDirective):
    """A question and its answers; see the module's text for the form."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    kind = "quiz"
    label = "Check yourself."

    def run(self):
        number = self.env.new_serialno(self.kind)
        group = f"{self.kind}-{self.env.docname.replace('/', '-')}-{number}"
        box = nodes.container(classes=["question", self.kind])
        inline, messages = self.state.inline_text(self.arguments[0], self.lineno)
        box += nodes.paragraph(
            "", "", nodes.strong(text=self.label + " "), *inline, classes=["question-text"]
        )
        body = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, body)
        for child in list(body.children):
            box += self._answers(child, group) if isinstance(child, nodes.bullet_list) else [child]
        marks = [a["right"] for a in box.findall(details)]
        if len(marks) < 2 or not any(marks):
            raise self.error(
                f"{self.kind}: give two or more answers and mark a right one with [x]."
            )
        return [box, *messages]

    def _answers(self, bullets, group):
        answers = []
        for item in bullets.children:
            first, *explanation = item.children
            text = first.children[0] if isinstance(first, nodes.paragraph) else None
            mark = MARK.match(str(text)) if isinstance(text, nodes.Text) else None
            if mark is None or not explanation:
                raise self.error(
                    f"{self.kind}: every answer starts with [ ] or [x] and has an indented "
                    f"explanation after an empty line; this one does not: {item.astext()[:60]!r}"
                )
            first.children[0] = nodes.Text(str(text)[mark.end() :])
            first.children[0].parent = first
            right = mark.group(1) == "x"
            node = details(
                group=group, right=right, classes=["answer", "right" if right else "wrong"]
            )
            node += summary("", "", *first.children)
            verdict = nodes.strong(text="Right. " if right else "Not quite. ")
            if isinstance(explanation[0], nodes.paragraph):
                explanation[0].insert(0, verdict)
            else:
                explanation.insert(0, nodes.paragraph("", "", verdict))
            node += explanation
            answers.append(node)
        return answers


class Predict(Question):
    """A question to commit to before the experiment that answers it."""

    kind = "predict"
    label = "Predict first."


class Reveal(SphinxDirective):
    """A question in one's own words: the line is the question, the content its answer."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self):
        if not self.content:
            raise self.error("reveal: the answer is missing.")
        inline, messages = self.state.inline_text(self.arguments[0], self.lineno)
        node = details(classes=["help", "reveal"])
        node += summary("", "", *inline)
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node, *messages]


def visit_details(self, node):
    group = f' name="{node["group"]}"' if node.get("group") else ""
    self.body.append(f'<details class="{" ".join(node["classes"])}"{group}>')


def depart_details(self, node):
    self.body.append("</details>\n")


def visit_summary(self, node):
    self.body.append("<summary>")


def depart_summary(self, node):
    self.body.append("</summary>\n")


def _pass(self, node):
    """Other builders show everything unfolded."""


def setup(app):
    others = dict.fromkeys(("latex", "text"), (_pass, _pass))
    app.add_node(details, html=(visit_details, depart_details), **others)
    app.add_node(summary, html=(visit_summary, depart_summary), **others)
    app.add_directive("predict", Predict)
    app.add_directive("quiz", Question)
    app.add_directive("reveal", Reveal)
