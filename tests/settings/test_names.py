"""Names that a run cannot carry, and names that are listed twice or in the wrong place."""

import pytest

from seqfuse.errors import UserError
from seqfuse.settings import configuration

OWN = {"study": "codons", "source": "files", "files": [{"path": "my.csv"}]}
MODEL = {"kind": "scratch", "layout": "esm2"}
VARIANT = {"method": "onevocab", "k": 3}
PLACES = {
    "datasets": lambda name: {"datasets": {name: OWN}},
    "models": lambda name: {"models": {name: MODEL}},
    "language.suites": lambda name: {"language": {"suites": {name: ["demo-splice"]}}},
    "language.variants": lambda name: {"language": {"variants": {name: VARIANT}}},
    "run": lambda name: {"run": name},
}


def refusal(user: dict) -> str:
    with pytest.raises(UserError) as caught:
        configuration.resolve(user)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("my task", "my_task"),
        ("o'brien", "o_brien"),
        ("-x", "x"),
        ("a/b", "a_b"),
        ("my{x}", "my_x"),
        ("..", None),
        ("x@random", "x_random"),
        ("x+cluster", "x_cluster"),
        ("größe", "gr_e"),
        ("a\nb", "a_b"),
    ],
)
def test_a_name_that_no_path_can_carry_is_found_at_start(place, name, better):
    hint = f"; write {better!r}, for example" if better else ""
    assert refusal(PLACES[place](name)) == (
        f"{place}: {name!r} cannot be a name; a name is made of A-Z, a-z, 0-9, '.', '_' and '-'"
        f" and begins with a letter or digit{hint}"
    )


@pytest.mark.parametrize("place", PLACES)
def test_other_names_are_taken_as_they_are(place):
    for name in ("lr0.01", "2024", "H3K4me1_v-2"):
        assert name in str(configuration.resolve(PLACES[place](name)))


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (
            {"datasets": {"mean": OWN}},
            "datasets.mean: in results, this name means the mean over a suite; choose another",
        ),
        (
            {"datasets": {"models": OWN}},
            "datasets.models: in results, this name means the folder of models; choose another",
        ),
        (
            {"language": {"variants": {"majority": VARIANT}}},
            "language.variants.majority: this is a control's name; choose another",
        ),
        (
            {"models": {"seqclip": MODEL}},
            "models.seqclip: in results, this name means the pre-trained encoder; choose another",
        ),
        (
            {"language": {"variants": {"demo-nt": VARIANT}}},
            "language.variants.demo-nt: this is a model's name; choose another",
        ),
        (
            {"language": {"variants": {"retrieval": VARIANT}}},
            "language.variants.retrieval: this is a control's name; choose another",
        ),
    ],
)
def test_a_name_that_results_use_is_found_at_start(user, message):
    assert refusal(user) == message


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"seeds": [1, 1]}, "seeds: 1 is listed twice"),
        ({"studies": ["codons", "codons"]}, "studies: 'codons' is listed twice"),
        (
            {"codons": {"datasets": ["ecoli", "mrfp", "ecoli"]}},
            "codons.datasets: 'ecoli' is listed twice",
        ),
        (
            {"language": {"suites": {"a": ["demo-splice", "demo-splice"]}}},
            "language.suites.a: 'demo-splice' is listed twice",
        ),
        (
            {"language": {"methods": ["linear", "linear"]}},
            "language.methods: 'linear' is listed twice",
        ),
        ({"codons": {"arms": ["mil", "dna", "mil"]}}, "codons.arms: 'mil' is listed twice"),
        (
            {"codons": {"training": {"learning_rate": [0.1, 1.0e-1]}}},
            "codons.training.learning_rate: 0.1 is listed twice",
        ),
    ],
)
def test_what_is_listed_twice_is_found_at_start(user, message):
    assert refusal(user) == f"config.yaml: {message}"


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (
            {"language": {"pretrain": {"seed": None}}},
            "language.pretrain.seed: null needs a job for each seed of fine-tuning; set"
            " jobs.per_seed to true",
        ),
        (
            {"language": {"suites": {"a": ["ecoli"]}}},
            "language.suites.a: dataset 'ecoli' is of study codons, not language; list it in"
            " codons.datasets",
        ),
        (
            {"codons": {"datasets": ["kegg"]}},
            "codons.datasets: dataset 'kegg' is of study language, not codons; list it in a"
            " suite of language.suites",
        ),
        (
            {"codons": {"datasets": ["kegg+random"]}},
            "codons.datasets: dataset 'kegg+random' is of study language, not codons; list it in"
            " a suite of language.suites",
        ),
        (
            {"language": {"pretrain": {"dataset": "kegg"}}},
            "language.pretrain.dataset: dataset 'kegg' is of study language, not pairs; list it in"
            " a suite of language.suites",
        ),
    ],
)
def test_a_set_of_another_study_is_found_at_start(user, message):
    assert refusal(user) == message


def test_the_stores_folder_is_filled_in(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    for written, meant in (("~/my store", "/home/me/my store"), ("$SCRATCH/e", "/scratch/me/e")):
        assert configuration.resolve({"store": written})["store"] == meant


def test_an_arm_to_interpret_that_is_not_run_is_found_at_start():
    arms = ["dna", "mil", "xattn"]
    own = {"arms": arms, "interpretation": {"arm": "concat"}}
    assert refusal({"codons": own}) == (
        "codons.interpretation.arm: 'concat' is not a fusion in codons.arms; known: mil, xattn"
    )
    assert refusal({"codons": {"interpretation": {"arm": "mill"}}}).endswith(
        "'mill' is not a fusion in codons.arms; did you mean 'mil'?"
    )
    # The demo interprets concatenation; of one's own arms, it is the last fusion, which null means.
    for own in (arms, ["dna", "rna"]):
        found = configuration.resolve({"codons": {"arms": own}})
        assert found["codons"]["interpretation"]["arm"] is None
