"""Shows exercises from their one source: `exercise` in full, `exercises` as a list of links.

:::{exercise} 2.1
:::

:::{exercises} 2.1 2.2
:::
"""

from __future__ import annotations

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from autograder import registry
from autograder.registry import exercise
from autograder.source import ROOT, sources, written_exercises
from bnbook.question import details, summary

# The page that shows the exercises of a part. Parts 7 to 10 are the tracks of the capstone.
PAGES = {
    "1": "1-math/exercises",
    "2": "2-numpy/exercises",
    "3": "3-cuda/exercises",
    "4": "4-pytorch/exercises",
    "5": "5-alternatives/exercises",
    "6": "6-production/exercises",
} | dict.fromkeys(("7", "8", "9", "10"), "6-production/capstone-tracks")
FOLDED = {"hint": "Hint: the idea", "template": "Hint: a template"}


def page(id: str) -> str:
    """The document that shows an exercise."""
    return f"chapters/{PAGES[id.split('.')[0]]}"


def anchor(id: str) -> str:
    return f"exercise-{id.replace('.', '-')}"


def facts(id: str) -> str:
    spec = exercise(id)
    return f"{spec.difficulty.capitalize()}, about {spec.minutes} minutes, {spec.points} points"


class ExerciseDirective(SphinxDirective):
    """One exercise: task, hints and the worked solution, the last three folded."""

    required_arguments = 1
    has_content = False

    def run(self):
        id = self.arguments[0]
        written = written_exercises().get(id)
        if written is None:
            raise self.error(f"There is no exercise {id} in solutions/.")
        for path in sources():
            self.env.note_dependency(str(path))
        section = nodes.section(ids=[anchor(id)], classes=["exercise"])
        section += nodes.title("", f"Exercise {id} · {exercise(id).title}")
        section += nodes.paragraph(
            "", "", nodes.emphasis(text=f"{facts(id)}. {exercise(id).read}.")
        )
        section += self._parse(written.task)
        for part, label in FOLDED.items():
            section += self._fold(label, self._parse(written.parts[part]))
        code = nodes.literal_block(written.solution, written.solution, language="python")
        section += self._fold("Worked solution", [code, *self._parse(written.parts["explanation"])])
        return [section]

    def _parse(self, text):
        holder = nodes.Element()
        self.state.nested_parse(StringList(text.splitlines(), "solutions"), 0, holder)
        return holder.children

    def _fold(self, label, children):
        node = details(classes=["help"])
        node += summary("", label)
        node += children
        return node


class ExerciseList(SphinxDirective):
    """Links to exercises, with time and difficulty in words."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = False

    def run(self):
        bullets = nodes.bullet_list()
        for id in self.arguments[0].split():
            if id not in registry.exercises():
                raise self.error(f"There is no exercise {id} in autograder/specs/.")
            uri = self.env.app.builder.get_relative_uri(self.env.docname, page(id))
            link = nodes.reference(
                "",
                f"Exercise {id} · {exercise(id).title}",
                refuri=f"{uri}#{anchor(id)}",
                internal=True,
            )
            text = nodes.paragraph("", "", link, nodes.Text(f". {facts(id)}."))
            bullets += nodes.list_item("", text)
        return [bullets]


def setup(app):
    assert (ROOT / "solutions").is_dir(), f"{ROOT / 'solutions'} is missing"
    app.add_directive("exercise", ExerciseDirective)
    app.add_directive("exercises", ExerciseList)
