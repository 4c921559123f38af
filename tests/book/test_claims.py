"""The table of "Claims on trial": its data, the directives that render it, and the script that filters it."""

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from bnbook.claims import load  # noqa: E402

FILE = ROOT / "chapters" / "6-production" / "claims.yml"
BIBLIOGRAPHY = ROOT / "chapters" / "references.bib"
CLAIMS = load(FILE)
PAGE = "# 6.6 Claims\n\n:::{verdicts} claims.yml\n:::\n\n:::{claims} claims.yml\n:::\n"
SMALL = {
    "verdicts": {"holds": "Yes.", "wrong": "No."},
    "topics": {"rates": "Learning rates", "batches": "Batches"},
    "claims": [
        {
            "id": name,
            "claim": f"It says $x_{k}$.",
            "topic": topic,
            "verdict": verdict,
            "truth": "It is *so*.",
            "evidence": {"labels": ["sec-a"], "sources": ["ioffe2015batch"]},
        }
        for k, (name, topic, verdict) in enumerate(
            [("one", "batches", "wrong"), ("two", "rates", "wrong"), ("three", "rates", "holds")]
        )
    ],
}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)  # fmt: skip


def evidence(kind):
    return {e for row in CLAIMS.rows for e in row["evidence"].get(kind, [])}


def section_labels():
    """Labels that stand directly before a heading, in the sources of the chapters."""
    pages = [p.read_text(encoding="utf8") for p in (ROOT / "chapters").rglob("*.md")]
    return {m for text in pages for m in re.findall(r"^\(([\w-]+)\)=\n+#+ ", text, re.M)}


def build(folder, data, pages=None):
    """Builds a small book with these data; the page's HTML and the warnings."""
    folder.mkdir(exist_ok=True)
    (folder / "conf.py").write_text(
        "extensions = ['myst_parser', 'sphinxcontrib.bibtex', 'bnbook']"
    )
    (folder / "claims.yml").write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False))
    (folder / "index.md").write_text(PAGE)
    (folder / "sources.md").write_text("# Sources\n\n```{bibliography}\n:all:\n```\n")
    for name, text in {"other": "# 4.1 Other\n\n(sec-a)=\n## A section\n", **(pages or {})}.items():
        (folder / f"{name}.md").write_text(text)
    warnings = io.StringIO()
    settings = {
        "myst_enable_extensions": ["colon_fence", "dollarmath"],
        "bibtex_bibfiles": [str(BIBLIOGRAPHY)],
        "bibtex_reference_style": "author_year",
        "suppress_warnings": ["toc"],
        "html_static_path": [str(ROOT / "_static")],
        "html_css_files": ["claims.css"],
        "html_js_files": ["claims.js"],
    }
    out = folder / "out"
    app = Sphinx(
        folder, folder, out, out / "doctrees", "html", settings,
        status=None, warning=warnings, freshenv=True,
    )  # fmt: skip
    app.build(force_all=True)
    quiet = ("already registered", "included in any toctree")
    said = [w for w in warnings.getvalue().splitlines() if not any(q in w for q in quiet)]
    html = (out / "index.html").read_text(encoding="utf8")
    return BeautifulSoup(html, "html.parser"), "\n".join(said)


# The data


def test_there_are_about_sixty_claims_of_every_verdict_and_topic():
    assert 55 <= len(CLAIMS.rows) <= 80
    assert set(CLAIMS.count()) == set(CLAIMS.verdicts)
    assert min(CLAIMS.count().values()) >= 5
    assert {row["topic"] for row in CLAIMS.rows} == set(CLAIMS.topics)


def test_rows_come_by_topic_and_verdict():
    topics, verdicts = list(CLAIMS.topics), list(CLAIMS.verdicts)
    order = [(topics.index(r["topic"]), verdicts.index(r["verdict"])) for r in CLAIMS.rows]
    assert order == sorted(order)


def test_every_section_that_is_named_as_evidence_exists():
    assert evidence("labels") - section_labels() == set()


def test_every_source_is_in_the_bibliography():
    keys = set(re.findall(r"^@\w+\{([^,\s]+),", BIBLIOGRAPHY.read_text(encoding="utf8"), re.M))
    assert len(keys) > 50
    assert evidence("sources") - keys == set()


def test_trials_and_rows_belong_together():
    trials = {label for label in section_labels() if label.startswith("trial-")}
    decided = [r for r in CLAIMS.rows if trials & set(r["evidence"].get("labels", []))]
    assert len(decided) >= 20
    assert trials - evidence("labels") == set(), "a trial without a claim"


def test_the_table_repeats_the_verdicts_of_the_trials():
    pages = (ROOT / "chapters" / "6-production").glob("trials-*.md")
    text = "".join(p.read_text(encoding="utf8") for p in pages)
    found = {}
    for label, trial in re.findall(r"^\((trial-[\w-]+)\)=\n(.*?)(?=^\(|\Z)", text, re.M | re.S):
        said = re.search(
            rf"\*\*Verdict: ({'|'.join(sorted(CLAIMS.verdicts, reverse=True))})", trial
        )
        found[label] = said and said[1]
    rows = [(label, row["verdict"]) for row in CLAIMS.rows for label in row["evidence"].get("labels", []) if label in found]  # fmt: skip
    assert [(label, v, found[label]) for label, v in rows if found[label] != v] == []


def test_no_site_is_named_and_no_rumour_repeated():
    text = " ".join(row["claim"] + " " + row["truth"] for row in CLAIMS.rows).lower()
    sites = r"https?:|www\.|\.com|\.io|\.org|medium|towards|substack|kaggle|wikipedia|reddit|quora|youtube|linkedin"
    rumours = r"iclr|reject|nvidia|citations|minutes|75 ?%|60 ?%"
    assert re.findall(sites, text) == [] and re.findall(rumours, text) == []


# The directives


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small book: its folder, page and warnings."""
    folder = tmp_path_factory.mktemp("claims")
    return folder, *build(folder, SMALL)


def changed(**fields):
    """The small data with other fields in the first row."""
    first, *others = SMALL["claims"]
    return {**SMALL, "claims": [{**first, **fields}, *others]}


def test_the_table_is_there_without_a_script(small):
    _, page, warnings = small
    assert warnings == ""
    table = page.select_one("table.claims")
    rows = table.select("tr[data-verdict]")
    assert [(r["id"], r["data-verdict"], r.parent["data-topic"]) for r in rows] == [
        ("claim-three", "holds", "rates"),
        ("claim-two", "wrong", "rates"),
        ("claim-one", "wrong", "batches"),
    ]
    assert [h.get_text() for h in table.select("tr.topic th")] == ["Learning rates", "Batches"]
    first = rows[0]
    assert first.select(".math") and first.em.get_text() == "so"
    section, source = first.select("td.evidence a")
    assert section["href"] == "other.html#sec-a" and section.get_text() == "4.1 A section"
    assert source["href"].startswith("sources.html#") and source.get_text() == "2015"
    for part, role in (("tr", "row"), ("td", "cell"), ("thead th", "columnheader")):
        assert all(node["role"] == role for node in table.select(part)), part


def test_verdicts_are_counted_from_the_data(small):
    rows = small[1].select("table.verdicts tr")
    cells = [[c.get_text() for c in r.select("th, td")] for r in rows]
    assert cells[1:] == [["holds", "Yes.", "1"], ["wrong", "No.", "2"], ["all", "", "3"]]


def test_the_form_is_hidden_until_the_script_runs(small):
    form = small[1].select_one("form.claims-filter")
    assert form.has_attr("hidden") and form.output["role"] == "status"
    options = {s["name"]: [o["value"] for o in s.select("option")] for s in form.select("select")}
    assert options == {"verdict": ["", "holds", "wrong"], "topic": ["", "rates", "batches"]}
    assert form.select_one("option[value=wrong]").get_text() == "wrong (2)"
    assert all(s.parent.name == "label" for s in form.select("select"))


def test_a_trial_is_called_one(tmp_path):
    data = changed(evidence={"labels": ["trial-x"]})
    page, warnings = build(tmp_path, data, {"x": "# Trials\n\n(trial-x)=\n## Sigmoids\n"})
    assert warnings == ""
    assert page.select_one("#claim-one td.evidence a").get_text() == "Trial: Sigmoids"


@pytest.mark.parametrize(
    "fields, says",
    [
        ({"evidence": {"labels": ["sec-b"]}}, "claim 'one': no section is labelled 'sec-b'"),
        ({"evidence": {"sources": ["x1999"]}}, "claim 'one': no source has the key 'x1999'"),
        ({"verdict": "maybe"}, "claim 'one': unknown verdict 'maybe'"),
    ],
)
def test_what_is_wrong_is_a_warning_of_the_build(tmp_path, fields, says):
    _, warnings = build(tmp_path, changed(**fields))
    assert says in warnings


@pytest.mark.parametrize(
    "data, says",
    [
        (changed(evidence={}), "claim 'one': evidence is a list"),
        (changed(evidence={"labels": []}), "claim 'one': evidence is a list"),
        (changed(evidence={"labels": "sec-a"}), "claim 'one': evidence is a list"),
        (changed(evidence={"links": ["sec-a"]}), "claim 'one': evidence is a list"),
        (changed(verdict="maybe"), "unknown verdict 'maybe'; known are holds, wrong."),
        (changed(topic="rate"), "claim 'one': unknown topic 'rate'"),
        (changed(id="two"), "claim 'two': this id is there twice"),
        (changed(id="Not an id"), "an id is lower-case words"),
        (changed(truth=""), "claim 'one': `truth` is a sentence"),
        (changed(claim="no full stop"), "claim 'one': `claim` is a sentence"),
        (changed(author="somebody"), "claim number 1 needs exactly the fields"),
        ({**SMALL, "claims": []}, "`claims` is missing, empty or no list"),
        ({k: v for k, v in SMALL.items() if k != "topics"}, "`topics` is missing"),
        (["not", "a", "mapping"], "`verdicts` is missing"),
    ],
)
def test_the_file_is_checked(tmp_path, data, says):
    file = tmp_path / "claims.yml"
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    with pytest.raises(ValueError) as caught:
        load(file)
    assert says in str(caught.value)


def test_a_missing_or_broken_file_says_so(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        load(tmp_path / "claims.yml")
    (tmp_path / "claims.yml").write_text("claims: [")
    with pytest.raises(ValueError, match="cannot be read"):
        load(tmp_path / "claims.yml")


# The script, in a browser


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize(
    "hash, shown, groups",
    [
        ("#verdict=wrong", ["two", "one"], 2),
        ("#verdict=wrong&topic=rates", ["two"], 1),
        ("#verdict=holds&topic=batches", [], 0),
        ("#claim-two", ["three", "two", "one"], 2),
    ],
)
def test_the_address_chooses_rows(small, tmp_path, hash, shown, groups):
    url = (small[0] / "out" / "index.html").as_uri() + hash
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path}", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    page = BeautifulSoup(done.stdout, "html.parser")
    form = page.select_one("form.claims-filter")
    assert not form.has_attr("hidden")
    rows = [r["id"] for r in page.select("tr[data-verdict]") if not r.has_attr("hidden")]
    assert rows == [f"claim-{name}" for name in shown]
    assert form.output.get_text() == f"{len(shown)} of 3 claims shown"
    bodies = page.select("table.claims tbody")
    assert sum(not body.has_attr("hidden") for body in bodies) == groups
