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
    assert {sentence for names in named.values() for sentence in names} == DATA["shared"].keys()
    for name, sentences in named.items():
        assert all(DATA["shared"][sentence] in FIGURES[name].caption for sentence in sentences)
        assert "{" not in FIGURES[name].caption


def test_the_caption_of_a_figure_is_its_text_on_one_line():
    assert FIGURES["training"].title == "Training of study A"
    assert FIGURES["training"].caption == (
        "Training and validation loss of each method. Thin lines are the training loss, averaged "
        "over at most 100 stretches of steps; thick lines with marks the validation loss; controls "
        "are grey and dashed. One line a seed."
    )
    assert not [name for name, figure in FIGURES.items() if "\n" in figure.caption]


def test_reading_the_registry_does_not_load_yaml():
    code = "import sys, seqfuse.registry.figures; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
