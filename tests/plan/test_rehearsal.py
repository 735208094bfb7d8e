"""`seqfuse rehearse`: cards, workloads, estimates, budgets, each worked out by hand.

And the papers' presets, whose every job must fit a card of 80 GB.
"""

import json
from types import SimpleNamespace

import pytest

from seqfuse.errors import UserError
from seqfuse.files import write_json
from seqfuse.plan import pairs
from seqfuse.plan.dry_run import Job
from seqfuse.plan.rehearsal import budget, cards, coefficients, workload
from seqfuse.plan.rehearsal.coefficients import Coefficients
from seqfuse.plan.rehearsal.estimate import Estimate
from seqfuse.plan.rehearsal.estimates import Estimates
from seqfuse.plan.run import Run
from seqfuse.plan.submission import resources
from seqfuse.plan.tools import rehearse
from seqfuse.settings import configuration
from seqfuse.settings.paths import RESOURCES
from seqfuse.settings.yaml_files import load_yaml

# Minutes that the partition of GPUs, as it ships, gives a job.
LONGEST = load_yaml(RESOURCES.parent / "slurm/partitions.yaml")["partitions"]["gpu"]["max_runtime"]
PRESETS = ("paper", "paper-slice", "published", "upstream", "small")
CARD = cards.Card("made-up", 10, 100, 1, training=0.5, own_gb=0, kept=1, logits=0)


def run_of(**changed) -> Run:
    """A run of a preset with some keys changed."""
    return Run(configuration.resolve({"preset": "paper"} | changed))


def jobs(run: Run, ablations: bool = True) -> list[tuple[str, SimpleNamespace]]:
    """Every job of a run that computes with a model."""

    def of(rule, **names):
        return rule, SimpleNamespace(**names)

    found = []
    for suite in run.language_suites:
        names = run.ablated("language") if ablations else run.runs("language")
        for method in (name for name in names if run.varies(name, suite)):
            found.append(of("language_finetune", suite=suite, method=method, seed="0"))
            found.append(of("language_predict", suite=suite, method=method))
            found += [
                of("language_trial", suite=suite, method=method, rate=rate)
                for rate in run.rates(suite, method)
            ]
    found += [of("language_probe", suite=suite, method=name) for suite, name in pairs.probed(run)]
    found += [
        of("language_attention", suite=suite, method=name) for suite, name in pairs.attended(run)
    ]
    found += [of("language_pretrain", pretraining=name) for name in sorted(run.pretrainings())]
    for dataset in run.datasets("language"):
        encoder = run.settings["language"]["encoder"]
        found.append(of("embeddings", dataset=dataset, view="sequence", encoder=encoder))
    for dataset in run.codon_sets:
        arms = run.ablated("codons") if ablations else run.runs("codons")
        found += [of("codons_train", dataset=dataset, arm=arm) for arm in arms]
        found.append(of("codons_interpret", dataset=dataset))
        for view, encoder in run.settings["codons"]["encoders"].items():
            found.append(of("embeddings", dataset=dataset, view=view, encoder=encoder))
    return found


def tried(run: Run, rule: str, wildcards: SimpleNamespace) -> bool:
    """Whether a job finds its training finished by the trial of its learning rate."""
    return (
        rule == "language_finetune"
        and bool(run.rates(wildcards.suite, wildcards.method))
        and run.trained_seeds(wildcards) == run.seeds[:1]
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_rehearse_fits_the_presets_on_a_card_of_80_gb(preset):
    run = Run(configuration.resolve({"preset": preset}))
    large, small = (cards.card(run.settings, name) for name in ("a100-80", "a100-40"))
    estimates, smaller = Estimates(run, large), Estimates(run, small)
    not_small, longest, own = [], 0, jobs(run, ablations=False)
    for rule, wildcards in jobs(run):
        found = estimates.of(rule, wildcards)
        what = (rule, vars(wildcards), f"{found.memory / 1e9:.1f} GB")
        assert found.fits(large), what
        longest = max(longest, 0 if (rule, wildcards) not in own else found.seconds)
        assert (found.flops > 0) != tried(run, rule, wildcards), what
        if not smaller.of(rule, wildcards).fits(small):
            not_small.append(what)
    print(f"{preset}: {len(not_small)} jobs do not fit 40 GB", *not_small, sep="\n")
    # Ablations may take longer: a job that a time limit ends goes on.
    assert resources._SPARE_TIME * longest / 60 <= LONGEST


def test_rehearse_keeps_preset_small_on_a_small_card_and_on_eight_cores():
    """Two hours of an A100, twelve of eight cores."""
    run = Run(configuration.resolve({"preset": "small"}))
    for card, hours in ((cards.card(run.settings), 2), (cards.card(run.settings, "cpu"), 12)):
        estimates = Estimates(run, card)
        asked = jobs(run, ablations=False)
        assert all(found.fits(card) for job in asked if (found := estimates.of(*job)))
        total, unknown = budget.total(estimates, asked)
        assert not unknown
        assert 0 < total < hours


def test_rehearse_keeps_the_slice_of_the_paper_under_its_budget():
    run = Run(configuration.resolve({"preset": "paper-slice"}))
    estimates = Estimates(run, cards.card(run.settings, "a100-80"))
    hours, unknown = budget.total(estimates, jobs(run, ablations=False))
    assert not unknown
    assert 1 < hours < run.settings["budget_gpu_hours"] == 20


# --- cards ----------------------------------------------------------------------------------------


def test_rehearse_takes_the_card_of_the_configuration():
    settings = run_of(gpu={"model": "a100", "memory_gb": 40}).settings
    assert cards.card(settings).title == "a100 of 40 GB"
    assert cards.card(settings, "a100-80").memory_gb == 80
    assert cards.card(settings, "h100").memory_gb == 80
    assert cards.card(run_of(gpu={"model": None, "memory_gb": 40}).settings).name == "a100"
    small = cards.card(run_of(gpu={"model": None, "memory_gb": 16}).settings)
    assert small.title == "a card of 16 GB with the speed of a100-40"


def test_rehearse_takes_the_cores_where_no_gpu_is_wanted():
    found = cards.card(run_of(gpu={"memory_gb": None}).settings)
    assert found.room is None
    assert found.title == "8 CPU cores"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a1000", "a1000: unknown card; did you mean 'a100'?"),
        ("a100-48", "no a100 has 48 GB; there are a100-80, a100-40"),
        ("a100-xl", "no a100 has xl GB; there are a100-80, a100-40"),
    ],
)
def test_rehearse_refuses_an_unknown_card(name, said):
    with pytest.raises(UserError) as error:
        cards.card(run_of().settings, name)
    assert said in str(error.value)


def test_rehearse_reckons_a_slower_card_by_its_memory_and_its_products():
    settings = run_of().settings
    fast, slow = (cards.card(settings, name) for name in ("h200", "a100-80"))
    assert fast.training == pytest.approx(0.13)
    times = slow.seconds(1e15, slow.training, "bfloat16") / fast.seconds(
        1e15, fast.training, "bfloat16"
    )
    assert times == pytest.approx(0.25 * 989 / 312 + 0.75 * 4.8 / 2.04)


# --- workload -------------------------------------------------------------------------------------


def test_rehearse_takes_declared_rows_and_lengths_where_no_records_are():
    found = workload.of_dataset(run_of(), "kegg")
    assert not found.known
    assert found.rows == {"train": 1159, "val": 144, "test": 146}
    assert (found.sequences, found.nucleotides.most) == (2, 4260)
    assert found.nucleotides.mean < found.nucleotides.most


def test_rehearse_makes_val_of_a_tenth_and_counts_a_draw():
    found = workload.of_dataset(run_of(), "nt-H3")
    assert found.rows == {"train": 13468 - 1347, "val": 1347, "test": 1497}
    drawn = run_of(sequences={"draw": ["train=10"], "max_length": 300, "too_long": "window"})
    few = workload.of_dataset(drawn, "nt-H3")
    assert (few.rows["train"], few.nucleotides.most) == (10, 300)


def test_rehearse_asks_for_the_size_of_a_set_that_nobody_states():
    own = {"mine": {"source": "files", "study": "codons", "files": [{"path": "x.csv"}]}}
    run = run_of(datasets=own, studies=["codons"], codons={"datasets": ["mine"]})
    with pytest.raises(UserError, match="dataset 'mine': .* does not declare its size"):
        workload.of_dataset(run, "mine")


def test_rehearse_counts_tokens_as_each_method_shows_them():
    run = run_of()
    work = workload.of_dataset(run, "nt-H3")
    tokens = {
        name: workload.of_method(run, "nt", name, work).prompt.most
        for name in ("text_only", "onevocab", "qformer", "linear")
    }
    text = tokens["text_only"]
    assert tokens["onevocab"] - text == pytest.approx(500 / 6 + 2)
    assert tokens["qformer"] - text == 64 + 2
    assert tokens["linear"] - text == pytest.approx(500 / 6 + 2)


# --- estimates ------------------------------------------------------------------------------------


@pytest.fixture
def made_up(tmp_path):
    """Estimates of a run on a card of 10 GB whose every method takes round numbers."""

    def of(run: Run, **peak) -> Estimates:
        class Round(Coefficients):
            def of(self, request):
                light = request.get("gradient_checkpointing")
                resident = {"parameters": 1e9, "trained": 1e8, "bytes": 2e9, "cached": 100}
                return {
                    "resident": resident | {"width": 8},
                    "peak": {"fixed": 1e8, "tokens": 1e5 if light else 1e6} | peak,
                    "flops": {"tokens": 1e9, "squares": 0, "states": 0, "answers": 0},
                }

        return Estimates(run, CARD, Round(files=()))

    return of


def test_rehearse_adds_weights_gradients_moments_and_what_is_alive(made_up):
    training = {"gradient_checkpointing": False, "chunk_tokens": 4096}
    found = made_up(run_of(language={"training": training})).of(
        "language_finetune", SimpleNamespace(suite="kegg", method="linear", seed="0")
    )
    assert (found.weights, found.gradients, found.optimiser) == (2e9, 4e8, 8e8)
    # One row of the most tokens that a prompt may have.
    assert found.activations == pytest.approx(1e8 + 1e6 * found.notes["longest"] - 4e8)
    assert found.memory == found.weights + found.gradients + found.optimiser + found.activations
    # 10 passes over 1,159 rows; validations read a third of what learning them would be.
    assert found.notes["steps"] == round(10 * 1159 / 64) == 181


def test_rehearse_counts_what_a_trial_trained_once(made_up):
    training = {"learning_rate": [1e-4, 1e-3]}
    estimates = made_up(run_of(seeds=2, language={"training": training}))
    of = {"suite": "kegg", "method": "linear"}
    trial = estimates.of("language_trial", SimpleNamespace(**of, rate="0.001"))
    chosen = estimates.of("language_finetune", SimpleNamespace(**of))
    assert chosen.flops == trial.flops > 0  # of the second seed alone
    alone = estimates.of("language_finetune", SimpleNamespace(**of, seed="0"))
    assert alone.flops == 0


def test_rehearse_prices_encoders_that_read_by_codon(made_up, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no records of a run
    run = Run(configuration.resolve({"preset": "fused"}))
    estimates, suite = made_up(run), {"suite": "coding", "seed": "0"}
    for method in ("by_dna", "by_xattn", "untrained", "concat_tuned"):
        for rule in ("language_finetune", "language_predict"):
            assert estimates.of(rule, SimpleNamespace(method=method, **suite)).flops > 0
    work = workload.of_dataset(run, "demo-coding-variants")
    shown, text = (
        workload.of_method(run, "coding", name, work) for name in ("by_dna", "text_only")
    )
    # Two sequences of five codons, and two markers each.
    assert shown.prompt.most - text.prompt.most == 2 * (5 + 2)
    assert shown.states.most == 2 * 5
    of_set = {"encoder": "demo-nt", "dataset": "demo-coding-variants@codons"}
    read = [
        estimates.of("embeddings", SimpleNamespace(view=view, **of_set)).tokens
        for view in ("dna", "rna")
    ]
    assert read == [6750 * 2 * 15 / 6, 6750 * 2 * 15]


def test_rehearse_recomputes_only_where_the_card_has_no_room_otherwise(made_up):
    run = run_of()
    assert made_up(run).fitted("nt", "linear") == {
        "gradient_checkpointing": False,
        "chunk_tokens": 4096,
    }
    assert made_up(run, fixed=4e9).fitted("kegg", "linear")["gradient_checkpointing"]


def test_rehearse_says_what_to_change_where_a_job_does_not_fit(made_up, capsys):
    estimates = made_up(run_of(), fixed=1e12)
    job = Job("language_finetune", wildcards="suite=kegg, method=linear, seed=0")
    found = estimates.of(job.rule, rehearse._wildcards(job))
    assert not found.fits(CARD)
    lines = rehearse.table(CARD, [(job, found)], by_job=True)
    assert any("does not fit: " + found.remedy in line for line in lines)
    with pytest.raises(UserError, match="does not fit: .* on made-up of 10 GB; change "):
        raise UserError(rehearse._too_large(CARD, [(job, found)]))


def test_rehearse_exits_with_1_where_a_job_does_not_fit(made_up, monkeypatch, capsys):
    run = run_of(gpu={"model": "a10", "memory_gb": 1})
    job = Job("language_finetune", wildcards="suite=kegg, method=linear, seed=0")
    monkeypatch.setattr(rehearse.dry_run, "planned", lambda words: ([job], run.settings))
    parser = rehearse.argparse.ArgumentParser()
    rehearse.add_arguments(parser)
    with pytest.raises(SystemExit) as left:
        rehearse.run(parser.parse_args(["--json"]))
    said = capsys.readouterr()
    assert left.value.code == 1
    assert "does not fit" in said.err
    found = json.loads(said.out)
    assert not found["fits"]
    assert found["jobs"][0]["change"]


def test_rehearse_answers_as_many_at_once_as_fit(made_up):
    roomy, tight = (
        made_up(run_of(), tokens=tokens).of(
            "language_predict", SimpleNamespace(suite="nt", method="linear")
        )
        for tokens in (1, 1e6)
    )
    assert roomy.notes["at_once"] > tight.notes["at_once"] >= 1
    assert tight.fits(CARD)


def test_rehearse_needs_shapes_of_a_model_or_its_folder(tmp_path):
    hub = {"kind": "hub", "layout": "qwen3", "repository": "a/b", "revision": "0" * 40}
    run = run_of(models={"mine": hub}, language={"backbone": "mine"})
    with pytest.raises(UserError, match="model 'mine': its entry does not declare its size"):
        coefficients.model(run, "mine")


def test_rehearse_keeps_answers_and_finds_them_again(tmp_path):
    request, answer = {"job": "embed", "encoder": {}}, {"resident": {}}
    write_json(tmp_path / "own.json", [{"asked": request, "found": answer}])
    known = Coefficients(files=[tmp_path / "own.json", tmp_path / "none.json"])
    assert known.of({"encoder": {}, "job": "embed"}) == answer
    with pytest.raises(coefficients.Unknown):
        known.of({"job": "other"})


# --- budgets --------------------------------------------------------------------------------------


class Fixed:
    """Estimates of an hour a job; of the rule `unknown`, none."""

    card = CARD

    def __init__(self, run: Run):
        self.run = run

    def of(self, rule, wildcards):
        if rule == "unknown":
            raise UserError("no shape")
        return Estimate(seconds=3600, gpus=2) if rule == "known" else None


def test_rehearse_holds_a_run_to_its_budget(capsys):
    three = [("known", None), ("known", None), ("light", None)]
    assert budget.total(Fixed(run_of()), three) == (4.0, 0)
    fixed = Fixed(run_of())
    budget.hold(lambda: fixed, three, 4)
    assert "4.0 GPU-hours on made-up of 10 GB" in capsys.readouterr().err
    with pytest.raises(UserError, match="takes 4.0 GPU-hours, budget_gpu_hours is 3"):
        budget.hold(lambda: fixed, three, 3)
    with pytest.raises(UserError, match="1 jobs have no estimate yet"):
        budget.hold(lambda: fixed, [*three, ("unknown", None)], 9)


def test_rehearse_stops_no_run_on_a_card_that_it_does_not_know(capsys):
    """A site may have any, unless its hours are to be held to a budget."""

    def made():
        return cards.card(run_of(gpu={"model": "v100", "memory_gb": 16}).settings)

    budget.hold(made, [], None)
    assert "GPU-hours cannot be estimated: v100: unknown card" in capsys.readouterr().err
    with pytest.raises(UserError, match="v100: unknown card"):
        budget.hold(made, [], 10)
