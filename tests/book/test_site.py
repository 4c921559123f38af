"""The built site: complete, self-contained, described, and without solutions in the wrong place."""

import re
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
LOADS = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
}
NOT_LOADED = {"canonical", "alternate", "author", "license", "next", "prev", "index", "search"}
FOREIGN = re.compile(r"^(https?:)?//")


@pytest.fixture(scope="session")
def pages(site):
    found = {
        path: BeautifulSoup(path.read_text(encoding="utf8"), "html.parser")
        for path in site.rglob("*.html")
        if not {"_static", "reports"} & set(path.relative_to(site).parts)
    }
    assert len(found) > 15
    return found


def test_every_page_of_the_contents_is_there(site):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"]] + [c["file"] for part in toc["parts"] for c in part["chapters"]]
    assert [f for f in files if not (site / f"{f}.html").exists()] == []


def test_the_cheat_sheet_is_there_as_a_pdf(site):
    assert (site / "chapters/appendix/cheat-sheet.pdf").read_bytes().startswith(b"%PDF")


def test_nothing_is_loaded_from_another_host(pages):
    loaded = [
        (path.name, tag.name, tag[attribute])
        for path, soup in pages.items()
        for name, attribute in LOADS.items()
        for tag in soup.find_all(name, attrs={attribute: FOREIGN})
        if not (name == "link" and NOT_LOADED & set(tag.get("rel", [])))
    ]
    assert loaded == []


def test_styles_load_nothing_from_another_host(site):
    styles = list(site.rglob("*.css"))
    assert styles
    remote = re.compile(r"""(@import|url\()\s*['"(]?\s*(https?:)?//""")
    assert [p.name for p in styles if remote.search(p.read_text(encoding="utf8"))] == []


def test_mathjax_is_served_from_the_site(site, pages):
    with_math = [s for s in pages.values() if s.select(".math")]
    assert with_math
    for soup in with_math:
        assert soup.find("script", src=re.compile("vendor/mathjax"))
    assert (site / "_static/vendor/mathjax/tex-mml-chtml.js").exists()


def test_every_image_has_alt_text(pages):
    images = [i for soup in pages.values() for i in soup.select("article img, main img")]
    assert len(images) > 10
    bare = [i.get("src") for i in images if len(i.get("alt", "").strip()) < 15]
    assert bare == []


def test_every_figure_of_a_cell_has_a_caption(pages):
    drawn = [i for soup in pages.values() for i in soup.select(".cell_output img")]
    assert drawn
    for image in drawn:
        figure = image.find_parent("figure")
        assert figure is not None, image.get("src")
        assert len(figure.find("figcaption").get_text(strip=True)) > 20


def test_links_within_the_site_lead_somewhere(pages):
    broken = []
    for path, soup in pages.items():
        for link in soup.select("main a[href], article a[href]"):
            target, anchor = urldefrag(link["href"])
            if re.match(r"^[a-z]+:", target):
                continue
            file = (path.parent / unquote(target)).resolve() if target else path
            if not file.exists() or (
                anchor and file in pages and not pages[file].find(id=unquote(anchor))
            ):
                broken.append((path.name, link["href"]))
    assert broken == []


def test_ids_are_unique_on_a_page(pages):
    for path, soup in pages.items():
        ids = [tag["id"] for tag in soup.find("main").find_all(id=True)]
        assert len(ids) == len(set(ids)), (path.name, sorted({i for i in ids if ids.count(i) > 1}))


def test_tables_are_shown_as_tables(pages):
    """Markdown that a cell makes is read without tables unless the cell asks for them."""
    for path, soup in pages.items():
        raw = [p.get_text() for p in soup.find("main").find_all("p") if p.get_text()[:1] == "|"]
        assert not raw, (path.name, raw[0][:80])
    grader = next(soup for path, soup in pages.items() if path.stem == "how-the-grader-is-tested")
    assert len(grader.find("main").select("table tr")) > 20


def test_questions_work_without_javascript(pages):
    answers = [a for soup in pages.values() for a in soup.select(".question details.answer")]
    assert len(answers) > 40
    assert all(a.find("summary") and len(a.get_text()) > 20 for a in answers)
    for soup in pages.values():
        for question in soup.select(".question"):
            assert question.select("details.right")


def test_the_site_has_no_folder_of_solutions_or_graders(site):
    names = {p.name for p in site.rglob("*") if p.is_dir()}
    assert "chapters" in names
    assert not names & {"solutions", "autograder", "gradebook"}


def test_every_chapter_is_complete(pages):
    chapters = [p for p in pages if re.match(r"\d-", p.name) and re.match(r"\d-", p.parent.name)]
    assert len(chapters) >= 9
    for path in chapters:
        soup = pages[path]
        text = soup.find("main").get_text(" ")
        assert soup.select(".question.predict"), path.name
        assert soup.select(".question.quiz"), path.name
        for part in ("You will be able to", "You need", "Time", "Key points", "Where next"):
            assert part in text, (path.name, part)
