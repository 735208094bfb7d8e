"""What holds of every figure: four files, the same bytes, from the CSV alone, and readable."""

import importlib
import itertools
import re
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.text import Text

from seqfuse.figures import draw as command
from seqfuse.figures.drawing import cost, loss_curves, names, ranking, readers, render, slim_svg
from seqfuse.registry.figures import FIGURES, RANDOM_WEIGHTS

# A column of each figure's CSV that its picture shows.
SHOWN = {
    "verdict": "value",
    "probes": "value",
    "conflicts": "follows_text",
    "decodable": "value",
    "gap": "distance",
    "calibration": "accuracy",
    "looks": "value",
    "methods": "low",
    "tasks": "value",
    "judge": "value",
    "cost": "trained_parameters",
    "umap": "x",
    "means": "value",
    "table1": "value",
    "table2": "value",
    "table4": "value",
    "case": "word_overlap",
    "traces": "value",
    "training": "loss",
    "fusion": "high",
    "truth": "prediction",
    "confusion": "count",
    "weights": "median",
    "weights_ablations": "median",
    "curves": "loss",
    "lengths": "low",
    "knockouts": "lost",
    "codon_map": "effect",
    "codon_effects": "effect",
    "attention": "received",
    "fused": "x",
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_four_files(drawn, name):
    svg = (drawn / f"{name}.svg").read_text()
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    # Nothing is fetched: pictures inside a picture are data.
    assert all(link.startswith(("#", "data:")) for link in re.findall(r'href="([^"]*)"', svg))
    height, width = imread(drawn / f"{name}.png").shape[:2]
    # One or two columns of a page at 200 dots an inch, and no taller than a page.
    assert 700 <= width <= 1400
    assert 200 <= height <= 9.5 * 200
    assert len(render.read_csv(drawn / f"{name}.csv")) > 0
    text = (drawn / f"{name}.md").read_text()
    assert text.startswith(f"# {FIGURES[name].title}\n\n{FIGURES[name].caption(0.95)}\n")


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_inputs_give_the_same_bytes(drawn, draw, tmp_path, name):
    assert draw(name, tmp_path / name) == 0
    for kind in ("csv", "md", "svg", "png"):
        first, second = drawn / f"{name}.{kind}", tmp_path / f"{name}.{kind}"
        assert first.read_bytes() == second.read_bytes(), kind


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_from_its_csv(drawn, tmp_path, name):
    frame = render.read_csv(drawn / f"{name}.csv")
    first = frame[SHOWN[name]].first_valid_index()
    # Parameters by the ten thousand: one more is less than a picture can show.
    frame.loc[first, SHOWN[name]] += max(1, frame.loc[first, SHOWN[name]])
    render.write_csv(frame, tmp_path / "edited.csv")
    command.from_csv(FIGURES[name], tmp_path / "edited.csv", tmp_path / name, 0.95)
    assert (tmp_path / f"{name}.svg").read_bytes() != (drawn / f"{name}.svg").read_bytes()


def _texts(figure) -> dict[Text, object]:
    """Every visible text of a drawn picture with the box that it fills, in pixels."""
    FigureCanvasAgg(figure).draw()
    found = {}
    for artist in figure.findobj(Text):
        shown = artist.get_visible() and artist.get_text().strip()
        axes = artist.axes
        if not shown or (axes is not None and not axes.get_visible()):
            continue
        found[artist] = artist.get_window_extent()
    return found


def _ticks_out_of_view(figure) -> set[Text]:
    """Labels of ticks beyond the limits of their axis, which exist and are not drawn."""
    out = set()
    for axes in figure.findobj(mpl.axes.Axes):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                    out |= {tick.label1, tick.label2}
    return out


def _illegible(name: str, frame: pd.DataFrame) -> list:
    """The texts of a drawn picture that are cut or too small, and the pairs that overlap."""
    module = importlib.import_module(FIGURES[name].module)
    with mpl.rc_context(render.STYLE):
        figure = module.draw(frame)
        boxes = _texts(figure)
        hidden = _ticks_out_of_view(figure)
    boxes = {text: box for text, box in boxes.items() if text not in hidden}
    assert boxes
    inside, found = figure.bbox.padded(1), []
    for text, box in boxes.items():
        whole = inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)
        if not whole or text.get_fontsize() < 5.5:
            found.append(text.get_text())
    for (one, first), (other, second) in itertools.combinations(boxes.items(), 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        # A line's box holds more than its letters, so that it may touch the next one.
        if width > 1 and height > 2:
            found.append((one.get_text(), other.get_text()))
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_clipped_or_lies_on_another(drawn, name):
    assert _illegible(name, render.read_csv(drawn / f"{name}.csv")) == []


@pytest.mark.parametrize("name", ["fusion", "truth", "confusion"])
def test_long_names_and_ranges_have_room(drawn, name):
    frame = render.read_csv(drawn / f"{name}.csv")
    own = frame[frame["method"] == frame["method"].iloc[0]]
    long = ("codon_forest", "boosting", "late_mean", "late_stack")
    frame = pd.concat([own.assign(method=n, title=names.title(n), kind="control") for n in long])
    if name == "fusion":
        sets = frame["dataset"].astype("category").cat.codes.astype(int)
        frame = frame.assign(trained_parameters=86_123 + 1000 * sets)
        whole = frame[frame["subset"] == "all"]
        frame = pd.concat([frame, whole.assign(subset="unseen", n=4_543)])
    if name == "confusion":
        frame = frame.assign(dataset="of-some-length", n=1_200)
    assert _illegible(name, frame) == []


@pytest.mark.parametrize("name", ["verdict", "weights"])
def test_a_figure_of_random_weights_says_so(drawn, tmp_path, name):
    command.from_csv(FIGURES[name], drawn / f"{name}.csv", tmp_path / name, 0.95, scratch=True)
    for kind in ("md", "svg"):
        assert RANDOM_WEIGHTS in (tmp_path / f"{name}.{kind}").read_text()
        assert RANDOM_WEIGHTS not in (drawn / f"{name}.{kind}").read_text()


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if figure.intervals])
def test_a_figure_has_the_runs_own_confidence(drawn, draw, tmp_path, name):
    assert draw(name, tmp_path / name, confidence=0.8) == 0
    frame, usual = (render.read_csv(folder / f"{name}.csv") for folder in (tmp_path, drawn))
    assert set(frame["coverage"]) == {0.8} and set(usual["coverage"]) == {0.95}
    assert "80 % interval" in (tmp_path / f"{name}.md").read_text()
    for kind in ("md", "svg"):
        assert "95 %" not in (tmp_path / f"{name}.{kind}").read_text()
    if FIGURES[name].estimates:
        width, before = ((f["high"] - f["low"]).mean() for f in (frame, usual))
        assert 0 < width < before


def test_the_legend_of_a_ranking_names_the_confidence(drawn, draw, tmp_path):
    assert draw("methods", tmp_path / "a", confidence=0.8) == 0
    assert "method, with 80 % interval" in (tmp_path / "a.svg").read_text()
    assert "method, with 95 % interval" in (drawn / "methods.svg").read_text()


def test_the_field_of_the_controls_is_two_where_some_read_no_dna(drawn):
    frame = render.read_csv(drawn / "verdict.csv")
    svg = (drawn / "verdict.svg").read_text()
    half = frame[(frame["subset"] == "sequence_decides") & (frame["kind"] == "control")]
    for blind, words in ((True, "without DNA"), (False, "with DNA")):
        best = half[half["blind"] == blind].sort_values("value").iloc[-1]
        assert f"best {words}: {best['title']} {best['value']:.2f}" in svg


def test_every_need_has_a_reader():
    assert {need for figure in FIGURES.values() for need in figure.needs} == set(readers.READERS)


# Machado, Oliveira and Fernandes 2009, severity 1: linear RGB as a dichromat sees it.
DICHROMATS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def _lab(rgb: np.ndarray) -> np.ndarray:
    """CIE Lab of linear RGB (D65)."""
    xyz = rgb.clip(0, 1) @ np.array(
        [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
    )
    f = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.stack([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", DICHROMATS)
def test_colours_differ_to_the_colour_blind(kind):
    seen = []
    for colour in names.PALETTE:
        encoded = np.array(to_rgb(colour))
        linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        seen.append(_lab(np.array(DICHROMATS[kind]) @ linear))
    for one, other in itertools.combinations(range(len(seen)), 2):
        # 2.3 is what an eye just tells apart.
        assert np.linalg.norm(seen[one] - seen[other]) > 8, (
            names.PALETTE[one],
            names.PALETTE[other],
        )


def test_a_variant_is_a_method_unless_the_run_says_that_it_is_a_control(drawn):
    assert names.kind("by_concat") == "method" and names.kind("kmer") == "control"
    assert names.kind("shuffled_codons", "control") == "control"
    frame = render.read_csv(drawn / "training.csv")
    own = frame[frame["method"] == "linear"]
    variants = {"by_concat": "method", "shuffled_codons": "control"}
    rows = pd.concat([own.assign(method=name, kind=kind) for name, kind in variants.items()])
    with mpl.rc_context(render.STYLE):
        legend = loss_curves.draw(rows).legends[0].legend_handles
    colours = {line.get_label(): line.get_color() for line in legend}
    assert colours["shuffled codons"] == names.CONTROL != colours["by concat"]


def test_a_loss_curve_is_the_mean_over_seeds():
    rows = [
        {"suite": "s", "method": "linear", "kind": "method", "seed": seed, "part": "training"}
        | {"step": step, "loss": loss}
        for seed, losses in enumerate([(4.0, 2.0), (2.0, 1.0)])
        for step, loss in enumerate(losses, 1)
    ]
    [line] = loss_curves.draw(pd.DataFrame(rows)).axes[0].lines
    assert line.get_xydata().tolist() == [[1, 3.0], [2, 1.5]]


@pytest.mark.parametrize(("name", "rows"), [("calibration", 800), ("fused", 100)])
def test_a_panel_says_how_many_rows_it_is_of(drawn, name, rows):
    assert f"n = {rows}" in (drawn / f"{name}.svg").read_text()


def test_controls_look_unlike_methods():
    methods = [names.shape(name) | {"c": names.colour(name)} for name in ("linear", "mil")]
    control = names.shape("text_only", "control") | {"c": names.colour("text_only", "control")}
    assert control["markerfacecolor"] == "white"
    assert control["c"] not in names.PALETTE
    assert all("markerfacecolor" not in look for look in methods)
    shapes = [(names.colour(n), names.shape(n)["marker"]) for n in ("linear", "qformer", "seqclip")]
    assert len(set(shapes)) == len({marker for _, marker in shapes}) == 3


def test_names_of_ones_own_are_told_apart_within_a_figure():
    # The letters of each pair add up to the same place among colours and markers.
    own = ["by_rna", "by_protein", "ab", "ba", "linear"]
    names.tell_apart(own)
    looks = {name: (names.colour(name), names.shape(name)["marker"]) for name in own}
    assert len(set(looks.values())) == len(own)
    names.tell_apart(["by_protein"])
    alone = names.colour("by_protein"), names.shape("by_protein")["marker"]
    assert alone == looks["by_protein"]


def test_controls_of_ones_own_are_marked_in_the_cost_figure():
    rows = [
        {"dataset": "d", "method": name, "title": name, "kind": kind, "metric": "accuracy"}
        | {"value": 0.5, "low": 0.4, "high": 0.6, "n": 30, "trained_parameters": size}
        | {"examples": 10, "tokens": 10, "flops": 10}
        for name, kind, size in (
            ("linear", "method", 900),
            ("other_protein", "control", 500),
            ("text_only", "control", 700),
            ("majority", "control", 0),
        )
    ]
    figure = cost.draw(pd.DataFrame(rows))
    handles = {one.get_label(): one for one in figure.legends[0].legend_handles}
    assert handles.keys() == {"linear", "other_protein", "text_only"}
    hollow = {name for name, one in handles.items() if one.get_markerfacecolor() == "white"}
    assert hollow == {"other_protein", "text_only"}
    assert handles["other_protein"].get_marker() != handles["text_only"].get_marker()


def test_a_score_that_is_not_defined_is_drawn_as_such():
    rows = [
        {"suite": "d", "dataset": "d", "subset": subset, "method": arm, "title": arm, "n": 30}
        | {"kind": "method", "metric": "spearman", "trained_parameters": 5, "seeds": 1}
        | {"value": value, "low": value - 0.1, "high": value + 0.1}
        for subset, value in (("all", 0.5), ("seen_exactly", np.nan))
        for arm in ("dna", "rna")
    ]
    axes = ranking.draw(ranking.of_scores(pd.DataFrame(rows))).get_axes()
    texts = [[text.get_text() for text in axis.texts] for axis in axes]
    assert [found.count("0.50") for found in texts[:2]] == [2, 0]
    assert [found.count("not defined") for found in texts[:2]] == [0, 2]


def test_scores_without_an_interval_are_drawn():
    """Of too few clusters no interval can be had: its two columns are empty."""
    rows = [
        {"suite": "d", "dataset": "d", "subset": "all", "method": arm, "title": arm, "n": 30}
        | {"kind": "method", "metric": "spearman", "trained_parameters": 5, "seeds": 1}
        | {"value": value, "low": np.nan, "high": np.nan}
        for arm, value in (("dna", 0.5), ("rna", 0.25))
    ]
    axis = ranking.draw(ranking.of_scores(pd.DataFrame(rows))).get_axes()[0]
    assert axis.get_xlim() == pytest.approx((0.24, 0.51))


def test_a_slim_picture_is_the_same_in_fewer_bytes():
    svg = """<svg xmlns="http://www.w3.org/2000/svg" width="9.5pt">
  <path id="m1.23456" d="M 1.234567 -0.001
L 2.5 300.999999
" style="stroke-width: 0.6"/>
  <text style="font-size: 7px; font-family: 'DejaVu Sans', 'Arial', sans-serif; text-anchor: end" \
x="3.14159" transform="rotate(-0 3.14159 2)">rho = 0.123456</text>
  <text style="font-size: 7px; font-family: 'DejaVu Sans Mono'; text-anchor: end">CTG</text>
  <text style="font-size: 7px" transform="rotate(-90 3.14159 2)">n</text>
  <image xlink:href="data:image/png;base64,1.23456" x="1.23456"/>
</svg>
"""
    slim = slim_svg.slim(svg)
    assert '<svg style="font-family: DejaVu Sans, Arial, sans-serif" ' in slim
    assert 'd="M 1.23 0 L 2.5 301 "' in slim and 'id="m1.23456"' in slim
    assert '<text style="font-size: 7px; text-anchor: end" x="3.14">rho = 0.123456</text>' in slim
    assert "font-family: 'DejaVu Sans Mono'; text-anchor: end\">CTG<" in slim
    assert 'transform="rotate(-90 3.14 2)"' in slim
    assert '<image xlink:href="data:image/png;base64,1.23456" x="1.23456"/>' in slim
