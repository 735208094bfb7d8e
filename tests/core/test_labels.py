"""Aliases: another name of a label, in the one normal form, and no second meaning of a name."""

import pytest

from seqfuse.errors import UserError
from seqfuse.labels import by_alias

LABELS = ["amyotrophic lateral sclerosis", "prion disease"]


def test_an_alias_is_found_in_its_normal_form():
    found = by_alias("d", LABELS, {'"ALS".': LABELS[0], "Kuru": LABELS[1], "kuru ": LABELS[1]})
    assert found == {"als": LABELS[0], "kuru": LABELS[1]}


@pytest.mark.parametrize(
    ("aliases", "words"),
    [
        ({"ALS": "ALS disease"}, "'ALS' stands for 'ALS disease', which is not a label"),
        ({"Prion disease.": LABELS[0]}, "'Prion disease.' would stand for two labels"),
        ({"PD": LABELS[0], "pd": LABELS[1]}, "'pd' would stand for two labels"),
    ],
)
def test_an_alias_of_nothing_or_of_two_labels_is_refused(aliases, words):
    with pytest.raises(UserError, match="d: aliases: ") as error:
        by_alias("d", LABELS, aliases)
    assert words in str(error.value)
