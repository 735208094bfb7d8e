"""What the report holds, in which order, and where its numbers come from."""

import base64
import csv
import io
import json
import re
import shutil
from types import SimpleNamespace
from urllib.parse import unquote
from xml.etree import ElementTree

import jinja2
import pytest
import yaml
from docutils.core import publish_parts

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.files import sha256
from seqfuse.registry.figures import FIGURES, RANDOM_WEIGHTS
from seqfuse.report import grids, scope
from seqfuse.report.inputs import Run
from seqfuse.report.page import TEMPLATES
from seqfuse.report.titles import title
from tests.report.conftest import unpack

STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")


def test_it_is_one_file_that_asks_for_nothing_else(page):
    for element in page.all("*"):
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            address = element.attributes.get(name)
            assert address is None or address.startswith(("data:", "#")), address
    assert [e.tag for e in page.all("*") if e.tag in ("iframe", "object", "embed")] == []
    assert "url(" not in STYLE and "@import" not in STYLE
    (policy,) = [m for m in page.all("meta") if "http-equiv" in m.attributes]
    assert policy.attributes["content"].startswith("default-src 'none'; img-src data:;")
    assert "unsafe-inline'; script" in policy.attributes["content"]
    assert "script-src 'sha256-" in policy.attributes["content"]


def test_every_link_within_the_page_resolves(page):
    ids = [e.attributes["id"] for e in page.all("*") if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    targets = {a.attributes["href"][1:] for a in page.all("a") if a.attributes["href"][0] == "#"}
    assert targets and targets <= set(ids)


def test_it_is_accessible(page):
    (html,) = page.all("html")
    assert html.attributes["lang"] == "en"
    assert page.all("th") and all(th.attributes.get("scope") for th in page.all("th"))
    assert all(len(image.attributes["alt"]) > 20 for image in page.all("img"))
    levels = [int(e.tag[1]) for e in page.all("*") if e.tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
    for region in page.all("div", "scroll"):
        assert region.attributes["tabindex"] == "0" and region.attributes["aria-label"]
    assert len(page.all("title")[0].text) > 0


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_has_the_contrast_that_wcag_asks_for():
    themes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", block))
        for block in re.findall(r":root[^{}]*\{([^}]*--text[^}]*)\}", STYLE)
    ]
    # Light, dark by the system and by the button, paper.
    assert len(themes) == 4
    for theme in themes:
        for ink in ("text", "soft", "link", "good", "bad"):
            for paper in ("page", "field", "warn"):
                low, high = sorted((_luminance(theme[ink]), _luminance(theme[paper])))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper, theme)


def test_the_verdicts_come_first(page):
    headings = [h.text for h in page.all("h2")]
    assert headings == [
        "Verdicts",
        "Scores, with their controls",
        "Comparisons",
        "Judged reasoning",
        "Figures",
        "Data",
        "Cost",
        "What was not run",
        "Settings",
        "Where each number comes from",
    ]
    # First the sets of which some rows only the sequence decides.
    assert [article.attributes["id"] for article in page.all("article", "verdict")] == [
        "verdict-variants-demo-variants",
        "verdict-tasks-mean",
        "verdict-demo-classes-demo-classes",
        "verdict-demo-expression-demo-expression",
    ]


def test_random_weights_are_one_badge_wherever_something_is_shown(page):
    assert page.by_id("scratch").text.startswith(
        f"{RANDOM_WEIGHTS} demo-nt, demo-qwen3 start from random weights."
    )
    shown = page.all("article", "verdict") + page.all("figure", "picture")
    assert len(shown) == 4 + len(FIGURES)
    for part in shown:
        (badge,) = part.all("a", "badge")
        assert (badge.text, badge.attributes["href"]) == ("random weights", "#scratch")


def test_a_verdict_shows_its_numbers_at_a_look(page, results):
    verdict = page.by_id("verdict-variants-demo-variants")
    said = verdict.all("p", "numbers")[0].text.split(" · ")
    path = results / "evaluation" / "language" / "variants" / "metrics.parquet"
    scores = {
        (row["method"], row["probe"]): row["value"]
        for row in tables.read(path, tables.METRICS).to_pylist()
        if (row["subset"], row["metric"], row["split"]) == ("sequence_decides", "accuracy", "test")
    }
    plain = {name: value for (name, probe), value in scores.items() if probe == "none"}
    best = max(("linear", "qformer", "seqclip", "onevocab"), key=plain.get)
    blind = max(("text_only", "majority", "question_lookup", "pair_lookup"), key=plain.get)
    reads = max(("gc", "kmer", "dna_only", "reference_only"), key=plain.get)
    expected = [f"{title(name)} {plain[name]:.2f}" for name in (best, blind, reads)]
    expected.append(f"{scores[best, 'scramble']:.2f} with the DNA scrambled")
    assert said == expected
    rows = verdict.all("table", "looks")[0].all("tbody")[0].all("tr")
    assert len(rows) == len(expected)


def test_the_matrix_holds_each_method_against_each_control(page, results):
    (matrix,) = page.by_id("verdict-variants-demo-variants").all("table", "matrix")
    columns = [th.text for th in matrix.all("thead")[0].all("th")]
    path = results / "evaluation" / "language" / "variants" / "comparisons.parquet"
    compared = {
        (title(row["method"]), title(row["against"])): row
        for row in tables.read(path, tables.COMPARISONS).to_pylist()
        if (row["subset"], row["probe"]) == ("sequence_decides", "none")
    }
    signs = {"better": "▲", "worse": "▼"}
    shown = 0
    for line in matrix.all("tbody")[0].all("tr"):
        method = line.all("th")[0].text
        for control, cell in zip(columns[2:], line.all("td")[1:], strict=True):
            row = compared[method, control]
            shown += 1
            number = f"{row['difference']:+.3f}".replace("-", "\N{MINUS SIGN}")
            assert cell.text == f"{signs.get(row['verdict'], '·')} {number}"
            assert row["verdict"] in cell.attributes["title"]
    assert shown == 4 * 8


def test_models_with_learnt_weights_are_no_reason_to_warn(results, build, read, tmp_path):
    settings = json.loads((results / "report" / "settings.json").read_text())
    for model in settings["models"].values():
        model["kind"] = "hub"
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    assert build(results, tmp_path / "a.html", tmp_path / "settings.json") == 0
    assert "random weights" not in read(tmp_path / "a.html").all("body")[0].text


def test_only_models_that_the_run_uses_count_as_scratch(page):
    # "unused" is a scratch model of the catalogue that the run's settings do not name.
    assert "unused" not in page.by_id("scratch").text


def test_warnings_of_the_audits_stand_at_the_top_and_with_the_data(page):
    assert page.by_id("warnings").text.endswith(
        "demo-classes: not coding sequences: 1.6 % start with ATG"
    )
    card = page.by_id("data-demo-classes").text
    assert "NOT coding sequences: 1.6% start with ATG, 62.0% have a stop inside" in card
    for said in ("MIT", "Made up", "train 600, val 0, test 300", "905 read, 900 kept, 5 rejected"):
        assert said in card
    assert "duplicate: 5" in card and "3 rows of test" in card and "ab" * 32 in card


def _grids(page, section: str):
    return page.by_id(section).all("figure", "grid")


def _rows(grid) -> list[dict[str, object]]:
    columns = [th.text for th in grid.all("thead")[0].all("th")]
    return [
        dict(zip(columns, row.all("td"), strict=True)) for row in grid.all("tbody")[0].all("tr")
    ]


def _exact(cell) -> float:
    return float(cell.attributes["data-value"])


@pytest.fixture(scope="module")
def sources(page) -> dict[str, tuple[str, str]]:
    """{number: (path, checksum)} as the last section says."""
    found = {}
    for row in page.by_id("sources").all("tbody")[0].all("tr"):
        path, _, checksum = row.all("td")
        found[row.all("th")[0].text] = (path.text, checksum.all("code")[0].attributes["title"])
    return found


def test_the_sources_are_the_files(sources, results):
    for path, checksum in sources.values():
        assert sha256(path) == checksum
    assert len(sources) == len({path for path, _ in sources.values()})


def _cited(grid, sources, schema) -> list[dict]:
    """The rows of the tables that a grid names as its sources."""
    names = [a.text for a in grid.all("span", "sources")[0].all("a")]
    kind = "metrics" if schema is tables.METRICS else "comparisons"
    paths = [sources[name][0] for name in names]
    return [
        row
        for path in paths
        if path.endswith(f"{kind}.parquet")
        for row in tables.read(path, schema).to_pylist()
    ]


def test_every_score_beside_its_controls_is_a_row_of_metrics(page, sources):
    shown = 0
    for grid in _grids(page, "scores"):
        rows = _rows(grid)
        if "Kind" not in rows[0] or "Split" in rows[0]:
            continue
        kinds = {row["Kind"].text for row in rows}
        assert kinds == {"method", "control"}, grid.all("figcaption")[0].text
        cited = _cited(grid, sources, tables.METRICS)
        compared = _cited(grid, sources, tables.COMPARISONS)
        measure = list(rows[0])[1]
        controls = [row for row in rows if row["Kind"].text == "control"]
        best = max(controls, key=lambda row: _exact(row[measure]))
        assert [row for row in rows if row["Verdict"].text == "best control"] == [best]
        for row in rows:
            shown += 1
            method, cell = row["Method or control"].text, row[measure]
            (found,) = [
                r
                for r in cited
                if title(r["method"]) == method
                and r["value"] == _exact(cell)
                and f"{r['dataset']}-{r['subset']}" in grid.attributes["id"]
                and r["split"] == "test"
                and r["n"] == _exact(row["Rows"])
            ]
            interval = f"[{found['low']:.3f}, {found['high']:.3f}]"
            said = f"{found['value']:.3f} {interval}".replace("-", "\N{MINUS SIGN}")
            assert cell.text == said
            assert _exact(row["Trained"]) == found["trained_parameters"]
            if row["Kind"].text == "control":
                assert row["Against the best control"].text == ""
                continue
            difference = _exact(row["Against the best control"])
            said = [row[name].text for name in ("Verdict", "Equivalence")]
            assert any(
                r["difference"] == difference
                and [r["verdict"], r["equivalence"]] == said
                and r["detectable"] == _exact(row["Detectable"])
                for r in compared
                if title(r["method"]) == method
                and title(r["against"]) == best["Method or control"].text
            )
    # 12 methods and controls of study A in 6 row sets and one mean, 8 of study B in two sets.
    assert shown == 12 * (3 + 1 + 3) + 8 * 2


def test_every_row_of_metrics_is_a_row_of_the_page(page, folded, results):
    listed = [
        (row["Dataset"]["t"], row["Method or control"]["t"], row["Split"]["t"])
        + tuple(row[name]["v"] for name in ("Value", "Low", "High"))
        + tuple(row["Value"]["s"])
        for row in folded(page, "scores")
    ]
    expected = [
        (r["dataset"], title(r["method"]), r["split"], r["value"], r["low"], r["high"])
        + tuple(float(f"{value:.6g}") for value in r["by_seed"])
        for path in results.glob("evaluation/*/*/metrics.parquet")
        for r in tables.read(path, tables.METRICS).to_pylist()
    ]
    assert sorted(listed) == sorted(expected)


def test_every_comparison_is_a_row_of_the_page(page, folded, results):
    listed = [
        (row["Dataset"]["t"], row["Method"]["t"], row["Against"]["t"], row["Difference"]["v"])
        + tuple(row["Difference"]["e"])
        for row in folded(page, "comparisons")
    ]
    expected = [
        (
            r["dataset"],
            title(r["method"]),
            title(r["against"]),
            r["difference"],
            r["low"],
            r["high"],
        )
        for path in results.glob("evaluation/*/*/comparisons.parquet")
        for r in tables.read(path, tables.COMPARISONS).to_pylist()
    ]
    assert sorted(listed) == sorted(expected)


def test_a_subset_is_found_by_the_name_that_files_have(page, folded):
    names = {row["Subset"].get("k") for row in folded(page, "scores")}
    assert "sequence_decides" in names


def _csv(link) -> list[list[str]]:
    head, content = link.attributes["href"].split(",", 1)
    assert head == "data:text/csv;charset=utf-8;base64"
    return list(csv.reader(io.StringIO(base64.b64decode(content).decode())))


def test_a_table_can_be_taken_away_with_its_exact_numbers_and_intervals(page, sources):
    for grid in _grids(page, "scores"):
        columns, *rows = _csv(grid.all("a")[0])
        shown = _rows(grid)
        measure = list(shown[0])[1]
        numbers = [
            f"{measure}{what}" for what in ("", " low", " high", " training 1", " training 2")
        ]
        assert columns[1:6] == numbers
        further = (" low", " high", " training 1", " training 2")
        assert [c for c in columns if not c.endswith(further)] == list(shown[0])
        cited = {
            (title(r["method"]), r["value"], r["low"], r["high"], *r["by_seed"])
            for r in _cited(grid, sources, tables.METRICS)
        }
        for cells, row in zip(rows, shown, strict=True):
            assert (cells[0], *map(float, cells[1:6])) in cited
            # Each seed's score stands at a look behind how many there are.
            said = ", ".join(f"{float(cell):.3f}" for cell in cells[4:6])
            assert row["Seeds"].text == f"2 {said}".replace("-", "\N{MINUS SIGN}")
            plain = [c for c, name in zip(cells, columns, strict=True) if name in row]
            assert plain == [c.attributes.get("data-value", c.text) for c in row.values()]


def test_every_figure_comes_with_its_caption_and_its_numbers(page, results):
    for name, figure in FIGURES.items():
        element = page.by_id(f"figure-{name}")
        assert element.all("h3")[0].text == f"{figure.title} random weights"
        assert element.all("figcaption")[0].text.startswith(figure.caption(0.95))
        assert figure.without_rows
        kind, _, svg = element.all("img")[0].attributes["src"].partition(",")
        assert kind == "data:image/svg+xml;charset=utf-8"
        shown, drawn = unquote(svg), (results / "figures" / f"{name}.svg").read_text()
        assert ElementTree.canonicalize(shown) == ElementTree.canonicalize(drawn.replace("\n", " "))
        (part,) = element.all("details", "packed")
        columns, rows = unpack(part)
        content = list(csv.reader(io.StringIO((results / "figures" / f"{name}.csv").read_text())))
        assert [columns, *([c["t"] for c in row.values()] for row in rows)] == content


def test_a_figure_without_rows_is_named_and_not_shown(results, build, read, tmp_path):
    drawn = sorted((results / "figures").glob("*.svg"))
    empty = tmp_path / "tasks.svg"
    shutil.copy(results / "figures" / "tasks.svg", empty)
    empty.with_suffix(".csv").write_text("method,value\n")
    kept = [path for path in drawn if path.name != empty.name]
    assert build(results, tmp_path / "a.html", figures=[*kept, empty]) == 0
    page = read(tmp_path / "a.html")
    assert "figure-tasks" not in {element.attributes.get("id") for element in page.all("*")}
    assert all(a.attributes["href"] != "#figure-tasks" for a in page.all("a"))
    figure = FIGURES["tasks"]
    said = page.by_id("figures-without-rows").text
    assert said.endswith(f"nothing for them: {figure.title} ({figure.without_rows}).")
    # It was drawn, so that it is no figure that the run leaves out.
    assert "figures:" not in page.by_id("left-out").text


def test_the_contents_name_every_section_and_figure(page):
    (contents,) = page.all("nav")
    links = [a.attributes["href"] for a in contents.all("a")]
    assert links[0] == "#verdicts"
    assert [f"#figure-{name}" for name in FIGURES] == [a for a in links if "figure-" in a]
    assert {f"#{s.attributes['id']}" for s in page.all("section")} <= set(links)


def test_judges_are_scored_in_words_and_counts(page, results):
    (grid,) = _grids(page, "judge")
    assert grid.all("figcaption")[0].text.startswith("Judge word overlap:")
    rows = _rows(grid)
    verdicts = tables.read(results / "judge" / "variants" / "linear.parquet", tables.VERDICTS)
    scores = [r["score"] for r in verdicts.to_pylist() if r["score"]]
    (row,) = [
        r
        for r in rows
        if (r["Dimension"].text, r["Reasoning of"].text) == ("Word overlap", title("linear"))
    ]
    assert _exact(row["Mean score"]) == pytest.approx(sum(scores) / 39)
    assert row["Mean score"].text.count("[") == 1
    counts = [_exact(row[name]) for name in ("Records", "Refused", "Malformed")]
    assert counts == [39, 1, 0]
    said = page.by_id("judge").text
    assert "Our prompts are not the paper's" in said and "no language model" in said


@pytest.fixture
def asked(results, build, read, tmp_path):
    """A run whose reasoning a model judged twice, on a set that the paper judged too."""

    def verdict(judge, record, score, **other) -> dict:
        row = {"id": record, "dataset": "kegg", "method": "linear", "seed": 0, "judge": judge}
        row |= {"dimension": "completeness", "status": "ok", "score": score, "key": judge + record}
        return row | {"reason": "", "prompt": None} | other

    tokens = {"prompt": "ab" * 32, "prompt_tokens": 1000, "answer_tokens": 500}
    scores = {"o3": (1, 3, 5), "o3, repeat 2": (3, 1, 7)}
    rows = [
        verdict(judge, record, float(score), **tokens)
        for judge, of_judge in scores.items()
        for record, score in zip("abc", of_judge, strict=True)
    ]
    # An equal text, which was asked once.
    rows += [verdict("o3", "d", 5.0, **tokens) | {"key": "o3c"}]
    words = {"dimension": "word_overlap"}
    rows += [verdict("word overlap", record, 2.0, **words) for record in "abcd"]
    path = tmp_path / "judge" / "kegg" / "linear.parquet"
    tables.write(path, tables.from_rows(rows, tables.VERDICTS), tables.VERDICTS)
    clusters = tmp_path / "sequences" / "kegg" / "clusters.parquet"
    clusters.parent.mkdir(parents=True)
    samples = [{"id": record, "cluster": n} for n, record in enumerate("abcd")]
    tables.write(clusters, tables.from_rows(samples, tables.CLUSTERS), tables.CLUSTERS)
    scored = map(str, sorted(results.glob("evaluation/language/*/metrics.parquet")))
    assert main(["figures", "--figure", "judge", "--verdicts", str(path), "--clusters",
                 str(clusters), "--metrics", *scored,
                 "--out", str(tmp_path / "figures" / "judge")]) == 0  # fmt: skip
    settings = json.loads((results / "report" / "settings.json").read_text())
    settings["judge"] = {"input_price": 10, "output_price": 100}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    assert build(tmp_path, tmp_path / "report.html", tmp_path / "settings.json") == 0
    return read(tmp_path / "report.html")


def test_published_values_stand_beside_ours_and_apart(asked):
    (grid,) = _grids(asked, "published")
    # The paper's Table 3 has 5.41; the mean of 1, 3, 5 and 5 is 3.5, that of 3, 1 and 7 is 3.67.
    rows = _rows(grid)
    assert [_exact(row["Published"]) for row in rows] == [5.41, 5.41]
    assert [_exact(row["Ours"]) for row in rows] == pytest.approx([3.5, 11 / 3], abs=1e-4)
    assert rows[0]["Difference"].text == "\N{MINUS SIGN}1.910"
    # Of four records no interval can be had.
    assert rows[0]["In our interval"].text == ""
    assert rows[0]["Where"].text == "arXiv 2602.12286v1, Table 3"
    assert "prompts are not public" in rows[0]["Note"].text


def test_the_page_names_one_confidence_the_runs_own(results, build, read, tmp_path):
    settings = json.loads((results / "report" / "settings.json").read_text())
    settings["evaluation"]["confidence"] = 0.9
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    assert build(results, tmp_path / "report.html", tmp_path / "settings.json") == 0
    page = read(tmp_path / "report.html")
    assert "95 %" not in page.text
    captions = [caption.text for caption in page.by_id("judge").all("figcaption")]
    assert any("90 % intervals" in caption for caption in captions)
    assert FIGURES["tasks"].caption(0.9) in page.by_id("figure-tasks").text


def test_what_only_the_paper_has_has_no_value_of_ours():
    row = {"dataset": "cov-vac", "method": "Evo", "title": "Evo, published only", "value": ""}
    row |= {"metric": "spearman", "published": "0.653", "published_note": "", "difference": ""}
    row |= {"published_source": "arXiv 2506.08936, Table 1"}
    drawing = SimpleNamespace(figure=FIGURES["fusion"], records=lambda: [row], source=3)
    settings = {"evaluation": {"confidence": 0.9}}
    (grid,) = grids.published(SimpleNamespace(figures=[drawing], settings=settings))
    assert grid.caption.endswith("with 90 % intervals")
    [(_, cells)] = grid.rows
    shown = dict(zip(grid.columns, cells, strict=True))
    assert (shown["Ours"].text, shown["Ours"].value) == ("", None)
    assert shown["Published"].value == 0.653 and grid.sources == [3]


def test_judges_are_compared_and_their_cost_is_said(asked):
    *means, agreed = _grids(asked, "judge")
    assert [grid.attributes["id"] for grid in means] == [
        "judge-o3", "judge-o3.44.32repeat.322", "judge-word.32overlap",
    ]  # fmt: skip
    rows = {(row["Judge"].text, row["Other judge"].text): row for row in _rows(agreed)}
    # The overlap of words is held against no model's score.
    assert len(rows) == 1
    # Ranks 1 2 3 and 2 1 3: 1 - 6 * 2 / 24; differences 2, -2, 2.
    repeat = rows["o3", "o3, repeat 2"]
    assert _exact(repeat["Spearman"]) == pytest.approx(0.5)
    assert _exact(repeat["Mean difference"]) == pytest.approx(2 / 3)
    assert _exact(repeat["Mean distance"]) == pytest.approx(2)
    assert _exact(repeat["Answers"]) == 3
    head = asked.by_id("verdicts").text
    # 3 verdicts of 1000 and 500 tokens: .03 + .15 USD.
    said = "3 verdicts, 3,000 prompt and 1,500 answer tokens, 0.18 USD at the configured prices."
    assert f"Judge o3: {said}" in head and f"Judge o3, repeat 2: {said}" in head
    assert f"completeness {'ab' * 6}" in asked.by_id("judge").text


def test_what_pre_training_has_seen_stands_with_the_data(page):
    said = "Seen in SeqCLIP's pre-trainingof 300 test rows, 12 by gene and 5 by DNA"
    assert said in page.by_id("data-demo-variants").text
    assert "Seen in SeqCLIP" not in page.by_id("data-demo-splice").text


def test_full_scale_the_page_says_what_seqclip_was_pretrained_on(page):
    """Which pairs, how many were too long, and that one pre-training serves all seeds."""
    said = page.by_id("data-genes").text
    assert "Used forSeqCLIP's pre-training on 50 pairs, seed 0" in said
    assert "3 genes over 2,048 tokens (truncate), 3 texts over 2,048 tokens (truncate)" in said
    assert "Every seed of SeqCLIP starts from this one pre-training" in said
    assert "Used for" not in page.by_id("data-demo-variants").text


def test_the_head_says_what_ran(page):
    # Half of the 48 runs took 9.5 s and half 10.5 s.
    assert "Training: 8.0 minutes over 48 runs." in page.by_id("verdicts").text
    assert "numpy" in page.by_id("settings").all("p")[0].text


def test_cost_is_a_row_a_seed(page, results):
    (grid,) = _grids(page, "cost")
    rows = _rows(grid)
    # (4 methods + 2 trained controls) of 2 suites and 6 arms of 2 sets, 2 seeds each.
    assert len(rows) == 6 * 2 * 2 + 6 * 2 * 2
    row = next(r for r in rows if r["Suite"].text == "tasks" and r["Method"].text == "OneVocab")
    assert _exact(row["Trained parameters"]) == 2_345_678
    # Half of the 48 runs took 9.5 s and half 10.5 s.
    assert "Training took 8.0 minutes in all, over 48 runs." in page.by_id("cost").text


def test_settings_and_seeds_are_the_resolved_configuration(page, results):
    settings = json.loads((results / "report" / "settings.json").read_text())
    assert yaml.safe_load(page.by_id("settings").all("pre")[0].raw) == settings
    assert "seeds 0, 1" in page.by_id("verdicts").text


def test_what_was_not_run_is_listed(page):
    text = page.by_id("left-out").text
    assert "arms:" in text and "One-hot codons" in text
    assert "methods:" in text and "DNA as text" in text and "figures:" not in text


def test_what_the_ablations_ran_is_not_called_left_out():
    settings = {"studies": [], "language": {"methods": []}, "codons": {"arms": []}}
    run = Run("run", settings, metrics=[{"method": "mil_shared"}])
    arms = next(line for line in scope.left_out(run) if line.startswith("arms: "))
    assert "MIL, one shared projection" not in arms and "MIL with entropy; " in arms


def test_the_ablations_miss_no_figure_of_the_run(results, build, read, tmp_path):
    of_ablations = [n for n, figure in FIGURES.items() if figure.ablations]
    drawn = [results / "figures" / f"{name}.svg" for name in of_ablations]
    assert build(results, tmp_path / "a.html", figures=drawn) == 0
    assert "figures:" not in read(tmp_path / "a.html").by_id("left-out").text
    assert build(results, tmp_path / "a.html", figures=drawn[:1]) == 0
    missing = FIGURES[of_ablations[1]].title
    assert f"figures: {missing}" in read(tmp_path / "a.html").by_id("left-out").text


def test_the_same_run_gives_the_same_bytes(results, report, build, tmp_path):
    assert build(results, tmp_path / "again.html") == 0
    assert (tmp_path / "again.html").read_bytes() == report.read_bytes()


def test_every_figure_has_a_caption_for_snakemakes_report(root):
    folder = root / "workflow" / "report"
    template = (folder / "figure.rst").read_text()
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    for figure in FIGURES.values():
        params = {"title": figure.title, "caption": figure.caption(0.95)}
        text = environment.from_string(template).render(snakemake={"params": params})
        body = publish_parts(text, writer="html", settings_overrides={"report_level": 1})["body"]
        assert "system-message" not in body
        assert body.startswith(f"<p><strong>{figure.title}</strong>")
    assert "system-message" not in publish_parts((folder / "report.rst").read_text())["whole"]
