"""What a reader of a report sees, as text, as HTML and as a picture."""

import dataclasses
import random
import re
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import pytest
import view_reports as made

from bnlab.cuda.errors import LimitReached
from bnlab.cuda.report import ArrayTraffic, Resources
from bnlab.cuda.views import words
from bnlab.cuda.views.access_picture import AccessPicture

WHOLE = {"ok": made.report(), "race": made.racing(), "fault": made.faulty()}


class Page(HTMLParser):
    """Checks that every element is closed in order, and keeps text and attributes."""

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.tags, self.words = [], [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


def row(html, number):
    """One line of the source in the HTML of a report: its class and its text."""
    found = re.search(
        rf'<div class="([^"]*)"><span class="bl-code"><span class="bl-number">{number}</span>(.*?)'
        r"</div>",
        html,
    )
    return found[1].split(), unescape(re.sub("<[^>]*>", " ", found[2]))


def test_the_text_starts_with_what_is_wrong():
    first = {name: str(report).splitlines()[0] for name, report in WHOLE.items()}
    assert first == {
        "ok": "ok: no fault and no race found",
        "race": "wrong: 1 race in line 10",
        "fault": "wrong: OutOfBounds in line 7",
    }


def test_a_fault_and_several_races_are_all_in_the_verdict():
    races = (made.race(line=10), made.race(line=7, array="x"), made.race(line=11))
    report = made.report(error=made.faulty().error, races=races)
    assert words.verdict(report) == "OutOfBounds in line 7, and 3 races in lines 7, 10 and 11"


def test_text_numbers():
    said = str(made.report())
    assert "sums  grid (4,)  block (256,)  shared 1024 B a block" in said
    assert "schedule lockstep, NVRTC 12.4, 18 registers a thread, no spills" in said
    assert "threads read 12.3 kB, write 16 B" in said
    assert "5.12 kB moved in 32-byte sectors / 4.13 kB touched = 1.24" in said
    assert re.search(r"x +4.10 kB touched, read 3.00 times$", said, re.M)
    assert re.search(r"y +32 B touched, written 0.50 times$", said, re.M)
    assert re.search(r" 7  load x +32 +4\.0 +4\.0$", said, re.M)
    assert "shared memory: 64 passes, no bank conflicts" in said
    assert "splits the warp in 8 of 64 branches" in said
    assert "lanes in use: 93% of 1,234 warp instructions" in said


def test_text_of_waste_and_conflicts():
    said = str(made.racing())
    assert re.search(r" 7  load x +32 +32\.0 +4\.0  8 x ideal$", said, re.M)
    assert "shared memory: 128 passes, 96 of them for bank conflicts" in said
    assert re.search(r"10  load s +32 +4-way bank conflict", said)


@pytest.mark.parametrize("report", WHOLE.values(), ids=WHOLE)
def test_text_fits_80_columns(report):
    assert max(map(len, str(report).splitlines())) < 80


def test_a_long_line_of_source_is_cut():
    long = made.race(quote="x" * 200)
    quoted = [one for one in str(made.report(races=(long,))).splitlines() if "xxx" in one]
    assert [len(one) for one in quoted] == [79] and quoted[0].endswith("…")


@pytest.mark.parametrize("name", ["race", "fault"])
def test_both_views_say_each_finding_in_full(name):
    report = WHOLE[name]
    said = " ".join(str(report).split()), Page(report._repr_html_()).text
    assert words.findings(report)
    for finding in words.findings(report):
        assert all(finding.sentence in view for view in said)
    assert all(("counters end at the fault" in view) == (name == "fault") for view in said)


def test_html_marks_the_lines_of_findings_and_no_others():
    marked = {
        name: {n: row(report._repr_html_(), n)[0][1:] for n in range(1, 13)}
        for name, report in WHOLE.items()
    }
    code = {n: ["bl-idle"] for n in range(1, 13)} | {7: [], 10: [], 11: []}
    assert marked["ok"] == code
    assert marked["race"] == code | {7: ["bl-see"], 10: ["bl-race"], 11: ["bl-note"]}
    assert marked["fault"] == {n: ["bl-idle"] for n in range(1, 13)} | {7: ["bl-fault"]}


def test_the_earlier_half_of_a_race_points_at_the_later():
    assert "s here races with line 10." in Page(made.racing()._repr_html_()).text
    same_line = made.report(races=(made.race(first_line=10),))
    assert "here races" not in same_line._repr_html_()


def test_html_counters_stand_beside_their_lines():
    clean, racing = made.report()._repr_html_(), made.racing()._repr_html_()
    assert "load x · 32 × 4 sectors, ideal 4" in row(clean, 7)[1]
    assert "store s · 32 × conflict-free" in row(clean, 7)[1]
    assert "splits the warp 8 of 64 times" in row(clean, 10)[1]
    assert "store y · 32 × 1 sector, ideal 1" in row(clean, 11)[1]
    assert "3% of lanes in use" in row(clean, 11)[1]
    assert "load x · 32 × 32 sectors, ideal 4" in row(racing, 7)[1]
    assert "load s · 32 × 4-way bank conflict" in row(racing, 10)[1]
    assert "bl-counter bl-much" not in clean
    assert racing.count("bl-counter bl-much") == 2


def test_bars_are_to_scale():
    widths = re.findall(
        r'class="bl-(least|extra)" style="width:([\d.]+)px', made.racing()._repr_html_()
    )
    assert widths == [("least", "8.0"), ("extra", "56.0"), ("least", "2.0"), ("extra", "6.0")]


def test_html_table_and_foot():
    said = Page(made.report()._repr_html_()).text
    assert "x3.00 ×–4.10 kB" in said
    assert "y–0.50 ×32 B" in said
    assert "5.12 kB moved / 4.13 kB touched = 1.24" in said
    for part in ("93% of lanes in use", "18 registers a thread", "NVRTC 12.4", "lockstep"):
        assert part in said


def test_spills_and_a_compiler_that_cannot_tell():
    assert "64 B spilled" in str(made.report(resources=Resources(255, 0, 64)))
    silent = made.report(resources=None)
    assert "register" not in str(silent) + Page(silent._repr_html_()).text


def test_nothing_of_the_source_becomes_markup():
    html = made.report(
        kernel="sums<4>", races=(made.race(array="<i>s</i>"),), printed=("a <b> c\n",)
    )._repr_html_()
    assert "<one block each>" in Page(html).text
    assert not {"one", "b>", "i"} & {tag for tag, _ in Page(html).tags}
    assert "a &lt;b&gt; c" in html and "&lt;i&gt;s" in html


@pytest.mark.parametrize("report", WHOLE.values(), ids=WHOLE)
def test_html_is_well_formed_without_ids_scripts_or_links(report):
    page = Page(report._repr_html_() + report.picture(7, "x")._repr_html_())
    assert page.ids == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert "url(" not in report._repr_html_()
    (source,) = [a for _, a in page.tags if a.get("class") == "bl-source"]
    assert source["tabindex"] == "0" and source["role"] == "group"
    assert "sums" in source["aria-label"]


def test_an_error_without_a_line_is_said_above_the_source():
    report = made.report(error=LimitReached("stopped after 1,000 instructions"), lines={})
    html = report._repr_html_()
    assert html.index("stopped after 1,000") < html.index('class="bl-source')
    assert str(report).splitlines()[0] == "wrong: LimitReached"
    assert "FAULT: LimitReached: stopped after 1,000 instructions" in str(report)


def test_the_same_value_is_mentioned_but_forgiven():
    report = made.report(races=(made.race(kind="simultaneous writes", same_value=True, count=1),))
    assert report.ok
    assert str(report).startswith("ok: no fault and no race found")
    assert "SAME VALUE line 10: " in str(report)
    assert row(report._repr_html_(), 10)[0] == ["bl-row", "bl-same"]


def test_an_uninitialised_read_is_not_called_a_race():
    bare = made.race(line=11, kind="uninitialised read", first="", first_line=0, count=1)
    report = made.report(races=(bare,))
    assert not report.ok
    assert str(report).startswith("wrong: 1 uninitialised read in line 11\n")
    assert "UNINITIALISED READ line 11: " in str(report)
    page = report._repr_html_()
    assert "Uninitialised read." in page and "Race." not in page
    assert row(page, 11)[0] == ["bl-row", "bl-uninitialised"]
    assert ".bl-uninitialised{" in page
    both = made.report(races=(made.race(), bare))
    assert words.verdict(both) == "1 race in line 10, and 1 uninitialised read in line 11"


def test_a_race_says_where_the_element_was_touched_before():
    said = {first: made.race(first_line=first).sentence for first in (7, 10, 0)}
    assert "thread (128,0,0) wrote in line 7; no barrier lies between" in said[7]
    assert "thread (128,0,0) wrote in this same line; no" in said[10]
    assert "thread (128,0,0) wrote; no" in said[0]


def test_printf_is_shown_and_text_stops_after_twenty_lines():
    report = made.report(printed=tuple(f"t={i}\n" for i in range(25)))
    shown = re.findall(r"^  t=\d+$", str(report), re.M)
    assert shown == [f"  t={i}" for i in range(20)]
    assert "… and 5 lines more" in str(report)
    assert "t=24" in report._repr_html_()


def test_only_long_sources_fold_and_only_where_nothing_happened():
    long = made.SOURCE + "// end\n" * 200
    assert "<details><summary>" not in made.report()._repr_html_()
    html = made.report(source=long)._repr_html_()
    assert "lines 12 to 212: no code ran here" in html
    assert html.count("<details><summary>lines") == 1  # the six lines at the top stay
    assert html.index("store y") < html.index("<details><summary>lines")


def test_a_launch_without_memory_or_code():
    report = made.report(lines={}, arrays={}, shared_bytes=0)
    assert "memory" not in str(report)
    assert "<table>" not in report._repr_html_()
    assert "What the counters mean" not in report._repr_html_()


def test_untouched_arrays_are_left_out():
    arrays = {"idle": ArrayTraffic("idle", 4096, 0, 0, 0)}
    report = made.report(arrays=arrays)
    assert "idle" not in str(report)
    assert "<table>" not in report._repr_html_()


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (4096, "4.10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (25_730_000, "25.7 MB"),
        (3e9, "3.00 GB"),
    ],
)
def test_size(n, said):
    assert words.size(n) == said


def test_dims_are_as_in_a_launch():
    assert [words.dims(d) for d in ((64, 1, 1), (8, 4, 1), (1, 1, 2))] == [
        "(64,)",
        "(8, 4)",
        "(1, 1, 2)",
    ]


def test_all_lanes_means_all():
    assert [words.share(x) for x in (1.0, 0.9999, 0.5)] == ["100%", "99%", "50%"]


# Pictures: name -> (access, caption after the colon, what `print` says of the lanes)
SHUFFLED = random.Random(1).sample(range(64), 32)
PICTURES = {
    "coalesced": (
        made.access(),
        "32 lanes touch 4 sectors of 32 bytes; the fewest possible is 4.",
        "lanes 0 to 31 touch x[0] to x[31], in steps of 1",
    ),
    "strided": (
        made.access(indices=range(0, 32 * 784, 784)),
        "32 lanes touch 32 sectors of 32 bytes; the fewest possible is 4. "
        "Of the 1024 bytes that move, 128 are asked for.",
        "lanes 0 to 31 touch x[0] to x[24304], in steps of 784",
    ),
    "backwards": (
        made.access(indices=range(31, -1, -1)),
        "32 lanes touch 4 sectors of 32 bytes; the fewest possible is 4.",
        "lanes 0 to 31 touch x[31] to x[0], in steps of -1",
    ),
    "broadcast": (
        made.access(indices=[7] * 32),
        "32 lanes touch the same element, in 1 sector of 32 bytes; the fewest possible is 1.",
        "lanes 0 to 31 touch x[7]",
    ),
    "float4": (
        made.access(indices=range(0, 128, 4), width=16),
        "32 lanes touch 16 sectors of 32 bytes; the fewest possible is 16.",
        "(4 elements from there on, 16 bytes a lane)",
    ),
    "partial warp": (
        made.access(indices=range(3, 20), lanes=range(15, 32)),
        "17 lanes touch 3 sectors of 32 bytes; the fewest possible is 3.",
        "lanes 15 to 31 touch x[3] to x[19], in steps of 1",
    ),
    "double": (
        made.access(itemsize=8, width=8),
        "32 lanes touch 8 sectors of 32 bytes; the fewest possible is 8.",
        "lanes 0 to 31 touch x[0] to x[31], in steps of 1",
    ),
    "one lane": (
        made.access(indices=[9]),
        "1 lane touches 1 sector of 32 bytes; the fewest possible is 1.",
        "lane 0 touches x[9]",
    ),
    "shared": (
        made.access(space="shared"),
        "32 lanes touch 32 banks in 1 turn; the fewest possible is 1.",
        "lanes 0 to 31 touch x[0] to x[31], in steps of 1",
    ),
    "shared broadcast": (
        made.access(space="shared", indices=[5] * 32),
        "32 lanes touch the same element, in 1 bank in 1 turn; the fewest possible is 1.",
        "lanes 0 to 31 touch x[5]",
    ),
    "4-way conflict": (
        made.access(space="shared", indices=range(0, 128, 4)),
        "32 lanes touch 8 banks in 4 turns; the fewest possible is 1. "
        "Bank 0 holds x[0], x[32], x[64] and x[96], and gives one a turn.",
        "lanes 0 to 31 touch x[0] to x[124], in steps of 4",
    ),
    "32-way conflict": (
        made.access(space="shared", indices=range(0, 1024, 32)),
        "32 lanes touch 1 bank in 32 turns; the fewest possible is 1. "
        "Bank 0 holds x[0], x[32], x[64] and 29 more, and gives one a turn.",
        "lanes 0 to 31 touch x[0] to x[992], in steps of 32",
    ),
    "padded column": (
        made.access(space="shared", indices=range(0, 32 * 33, 33)),
        "32 lanes touch 32 banks in 1 turn; the fewest possible is 1.",
        "lanes 0 to 31 touch x[0] to x[1023], in steps of 33",
    ),
    "shared float4": (
        made.access(space="shared", indices=range(0, 128, 4), width=16),
        "32 lanes touch 32 banks in 4 turns; the fewest possible is 4.",
        "lanes 0 to 31 touch x[0] to x[124], in steps of 4",
    ),
    "any order": (
        made.access(indices=SHUFFLED),
        "32 lanes touch 8 sectors of 32 bytes; the fewest possible is 4. "
        "Of the 256 bytes that move, 128 are asked for.",
        "",
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_picture_in_words(name):
    access, caption, lanes = PICTURES[name]
    picture = AccessPicture(access, 11)
    assert picture.caption == f"One warp's load of x, line 11: {caption}"
    assert lanes in str(picture)
    page = Page(picture._repr_html_())
    assert caption in page.text
    (svg,) = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert svg["role"] == "img"
    assert page.ids == []
    title, desc = (
        re.search(f"<{t}>(.*?)</{t}>", picture._repr_html_(), re.S)[1] for t in ("title", "desc")
    )
    assert title and unescape(desc) == str(picture)


def rects(svg, css):
    """x, y, width and height of all boxes of a class, those of the key left out."""
    pattern = rf'<rect class="{css}" x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"/>'
    found = [tuple(map(float, one)) for one in re.findall(pattern, svg)]
    return [one for one in found if one[2:] != (11.0, 11.0)]


def threads(svg):
    pattern = r'<line class="bl-thread" x1="(.*?)" y1="50" x2="(.*?)" y2="(.*?)"/>'
    return [tuple(map(float, one)) for one in re.findall(pattern, svg)]


@pytest.mark.parametrize("name", PICTURES)
def test_every_lane_has_a_line_to_what_it_touches(name):
    access = PICTURES[name][0]
    svg, sample = AccessPicture(access)._repr_html_(), access.sample
    below = [box for box in rects(svg, "bl-(?:used|later)") if box[1] > 100]
    ends = threads(svg)
    assert len(ends) == len(sample.lanes)
    for _, x, y in ends:
        assert any(bx <= x <= bx + w and by <= y <= by + h for bx, by, w, h in below)
    by_offset = dict(zip(sample.offsets, ends, strict=True))
    assert len({end[1:] for end in ends}) == len(by_offset)  # the same end for the same element
    if access.space == "global":  # memory runs from left to right
        in_order = [by_offset[offset][1] for offset in sorted(by_offset)]
        assert in_order == sorted(in_order)


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_leaves_the_drawing(name):
    svg = AccessPicture(PICTURES[name][0])._repr_html_()
    height = float(re.search(r'viewBox="0 0 480 (\d+)"', svg)[1])
    for x, y, w, h in rects(svg, '[^"]*'):
        assert x >= 0 and y >= 0 and x + w <= 480 and y + h <= height
    for x, y, anchor, said in re.findall(
        r'<text x="(.*?)" y="(.*?)" text-anchor="(.*?)">(.*?)</text>', svg
    ):
        left = float(x) - {"start": 0, "middle": 3.5, "end": 7}[anchor] * len(said)
        assert left >= -0.1 and left + 7 * len(said) <= 480.1 and float(y) <= height


@pytest.mark.parametrize(
    ("name", "boxes", "key"),
    [("coalesced", 4, False), ("strided", 32, True), ("broadcast", 1, True), ("float4", 16, False)],
)
def test_sectors_drawn(name, boxes, key):
    svg = AccessPicture(PICTURES[name][0])._repr_html_()
    assert len(rects(svg, "bl-moved")) == boxes
    assert ("moves as well" in svg) == key


def test_sectors_that_are_neighbours_in_memory_touch_in_the_picture():
    svg = AccessPicture(
        made.access(indices=[*range(8), *range(8, 16), *range(80, 96)])
    )._repr_html_()
    edges = [(x, x + w) for x, _, w, _ in rects(svg, "bl-moved")]
    gaps = [round(b[0] - a[1]) for a, b in pairwise(edges)]
    assert gaps == [0, 14, 0]


def test_labels_name_the_elements_below_them():
    svg = AccessPicture(PICTURES["strided"][0])._repr_html_()
    assert re.findall(r">(x\[\d+\])</text>", svg) == [
        "x[0]",
        "x[24304]",
        "x[6272]",
        "x[12544]",
        "x[18816]",
    ]


@pytest.mark.parametrize(
    ("name", "turns", "waiting"), [("shared", 1, 0), ("4-way conflict", 4, 24)]
)
def test_banks_drawn(name, turns, waiting):
    svg = AccessPicture(PICTURES[name][0])._repr_html_()
    assert len(rects(svg, "bl-bank")) == 32
    assert len(rects(svg, "bl-later")) == waiting
    assert re.findall(r">turn (\d+)<", svg)[-1] == str(turns)


def test_quarter_warps_that_want_the_same_word_each_have_a_turn():
    access = made.access(space="shared", indices=[0] * 32, width=16)
    assert "in 4 turns; the fewest possible is 4" in AccessPicture(access).caption
    ends = [y for *_, y in threads(AccessPicture(access)._repr_html_())]
    assert [ends.count(y) for y in sorted(set(ends))] == [8, 8, 8, 8]


def test_a_report_draws_its_lines():
    assert str(made.report().picture(7, "x")).startswith("One warp's load of x, line 7: 32 lanes")
    with pytest.raises(LookupError, match="several arrays; name one of s, x"):
        made.report().picture(7)
    with pytest.raises(ValueError, match="No request of x was kept"):
        AccessPicture(dataclasses.replace(made.access(), sample=None))


def test_lines_too_long_for_the_page_continue_at_their_own_indentation():
    html = made.report(source="void k()\n{\n    a;\n\tb;\n        c;\n}")._repr_html_()
    rows = re.findall(r'<span class="bl-text" style="--indent:(\d+)">(.*?)</span>', html)
    assert rows == [
        ("0", "void k()"),
        ("0", "{"),
        ("4", "    a;"),
        ("4", "\tb;"),
        ("8", "        c;"),
        ("0", "}"),
    ]


def test_the_share_of_lanes_is_said_where_it_changes():
    shares = {7: 1.0, 8: 0.5, 9: 0.5, 10: 0.25, 11: 1.0}
    lines = {n: made.line(n, lane_use=share) for n, share in shares.items()}
    html = made.report(lines=lines)._repr_html_()
    said = {n for n in shares if "of lanes" in row(html, n)[1]}
    assert said == {8, 10}


def test_code_that_never_ran_says_so():
    never = dataclasses.replace(made.line(8), instructions=0, lane_use=0.0)
    html = made.report(lines={7: made.line(7), 8: never})._repr_html_()
    assert "never ran" in row(html, 8)[1]
    assert "never ran" not in row(html, 7)[1]
