"""The captions: one for each figure, and none that no figure shows."""

import re
import subprocess
import sys

import yaml

from seqfuse.registry import figures
from seqfuse.registry.figures import FIGURES

DATA = yaml.safe_load(figures._CAPTIONS.read_text(encoding="utf-8"))


def test_every_figure_has_a_title_a_caption_and_why_it_would_be_left_out():
    assert list(DATA["figures"]) == list(FIGURES)
    for name, words in DATA["figures"].items():
        assert words.keys() == {"title", "caption", "without_rows"}, name
        assert all(words.values()), name


def test_a_shared_sentence_stands_in_full_in_each_caption_that_names_it():
    named = {
        name: re.findall(r"\{(\w+)\}", words["caption"]) for name, words in DATA["figures"].items()
    }
    assert {s for names in named.values() for s in names} == {*DATA["shared"], "confidence"}
    for name, sentences in named.items():
        for sentence in set(sentences) - {"confidence"}:
            whole = DATA["shared"][sentence].format(confidence="95 %")
            assert whole in FIGURES[name].caption(0.95)
        assert "{" not in FIGURES[name].caption(0.95)


def test_a_caption_names_the_confidence_of_the_run():
    for name, figure in FIGURES.items():
        words = str(DATA["figures"][name]) + str(DATA["shared"])
        assert "95 %" not in words and "95%" not in words
        assert ("90 % interval" in figure.caption(0.9)) == figure.intervals, name
        assert "95 %" not in figure.caption(0.9)
    assert FIGURES["methods"].intervals and not FIGURES["training"].intervals
    assert "97.5 % intervals" in FIGURES["methods"].caption(0.975)


def test_the_caption_of_a_figure_is_its_text_on_one_line():
    assert FIGURES["training"].title == "Training of study A"
    assert FIGURES["training"].caption(0.95) == (
        "Training and validation loss of each method. Thin lines are the training loss, averaged "
        "over at most 100 stretches of steps; thick lines with marks the validation loss; controls "
        "are grey and dashed. Each line is the mean over seeds; the table beside the figure has "
        "every seed."
    )
    assert not [name for name, figure in FIGURES.items() if "\n" in figure.caption(0.95)]


def test_reading_the_registry_does_not_load_yaml():
    code = "import sys, seqfuse.registry.figures; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
