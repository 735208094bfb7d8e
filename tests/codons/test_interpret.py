"""The interpretation of trained fusions, against independent and hand-made values."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from seqfuse import tables
from seqfuse.bio.codon_usage import Synonyms, counted, gc
from seqfuse.cli import main
from seqfuse.codons.interpretation import attention_maps, knockout, mutagenesis, trained_arms
from seqfuse.codons.scores import resampled, score
from seqfuse.codons.train import MODALITIES
from seqfuse.errors import UserError
from seqfuse.registry.arms import ARMS

CONFIDENCE = 0.9


@pytest.fixture
def read(study, tmp_path):
    """Train an arm on the small set and read it back."""

    def run(arm, of=study, **settings):
        of.job(arm, tmp_path / f"{arm}.state", epochs=2, **settings).run(tmp_path / arm)
        files = [of.folder / f"{name}.parquet" for name in ("records", "frames", "clusters")]
        return trained_arms.read("small", [tmp_path / arm], *files, of.receipts), tmp_path / arm

    return run


def predictions(folder, probe) -> dict[int, np.ndarray]:
    rows = tables.read(folder / "predictions.parquet", tables.PREDICTIONS).to_pylist()
    return {
        seed: {r["id"]: r for r in rows if r["seed"] == seed and r["probe"] == probe}
        for seed in (0, 1)
    }


def test_resampled_scores_are_those_of_the_repeated_rows():
    random = np.random.default_rng(0)
    x, y = random.integers(0, 5, 30).astype(float), random.normal(size=30)
    counts = random.integers(0, 4, (20, 30))
    found = resampled(x[:, None], y, counts)
    for row, value in zip(counts, found, strict=True):
        assert value == pytest.approx(spearmanr(x.repeat(row), y.repeat(row)).statistic)
    assert resampled(x[:, None], y, np.ones((1, 30))) == score(x[:, None], y)
    assert resampled(np.ones((30, 1)), y, counts).tolist() == [0.0] * 20
    outputs, labels = random.normal(size=(30, 3)), random.integers(0, 3, 30)
    for row, value in zip(counts, resampled(outputs, labels, counts), strict=True):
        assert value == pytest.approx(score(outputs.repeat(row, 0), labels.repeat(row)))


@pytest.mark.parametrize("arm", ["concat", "mil", "concat_unaligned"])
def test_a_knock_out_by_the_mean_is_the_one_that_training_predicts(arm, study, read):
    trials, folder = read(arm)
    rows = list(knockout.measure(trials, arm, CONFIDENCE))
    assert len(rows) == 6 * 2 * 3  # sets of modalities, replacements, two seeds and their mean
    target = [record["value"] for record in study.records if record["split"] == "test"]
    ids = [record["id"] for record in study.records if record["split"] == "test"]
    for row in rows:
        if row["replacement"] == "mean" and "seed" in row:
            known = predictions(folder, "without_" + row["modalities"].replace("+", "_"))
            values = np.array([known[row["seed"]][name]["predicted_value"] for name in ids])
            assert row["knocked_out"] == pytest.approx(spearmanr(values, target).statistic)
            assert row["lost"] == pytest.approx(row["score"] - row["knocked_out"])
        assert row["low"] <= row["high"] and row["n"] == 10
    means = [row for row in rows if "seed" not in row]
    for row in means:
        keys = ("modalities", "replacement")
        seeds = [r for r in rows if "seed" in r and all(r[k] == row[k] for k in keys)]
        assert row["lost"] == pytest.approx(np.mean([r["lost"] for r in seeds]))


def test_weights_stand_beside_the_knock_out_of_their_modality(read):
    trials, folder = read("mil")
    found = {
        (row.get("seed"), row["modalities"]): row["weight"]
        for row in knockout.measure(trials, "mil", CONFIDENCE)
    }
    ids = {trials.dataset.ids[row] for row in trials.test}
    written = tables.read(folder / "weights.parquet", tables.WEIGHTS).to_pylist()
    for seed in (0, 1):
        rows = [row for row in written if row["seed"] == seed and row["id"] in ids]
        for view in MODALITIES:
            assert found[seed, view] == pytest.approx(np.mean([row[view] for row in rows]))
    assert found[None, "dna"] == pytest.approx((found[0, "dna"] + found[1, "dna"]) / 2)
    assert found[0, "dna+rna"] is None


def test_noise_has_the_moments_of_the_training_tokens(read):
    trials, _ = read("concat")
    (one, _), view = trials.arms["concat"], "rna"
    ((_, batch),) = trials.batches(one, trials.test)
    packed = batch.views[view]
    many = batch._replace(
        views={view: packed._replace(tokens=packed.tokens[:1].expand(20_000, -1))}
    )
    made = knockout.replaced(one.model, many, [view], "noise", torch.Generator().manual_seed(0))
    tokens, scale = made.views[view].tokens, one.model.scale[view]
    assert torch.allclose(tokens.mean(0), scale.mean, atol=0.05)
    assert torch.allclose(tokens.std(0), scale.deviation, rtol=0.05)
    plain = knockout.replaced(one.model, many, [view], "mean", torch.Generator())
    assert torch.equal(plain.views[view].tokens[7], scale.mean)


def test_rows_of_one_gene_are_one_sample(study, read, tmp_path):
    """With all test rows in one gene no interval can be had."""
    records = [record | {"group": "g"} for record in study.records]
    trials, _ = read("concat", of=study.write(tmp_path / "grouped", records), seeds=(0,))
    for row in knockout.measure(trials, "concat", CONFIDENCE):
        assert np.isfinite(row["lost"]) and np.isnan([row["low"], row["high"]]).all()


def synonyms_of(frames: list[tuple[str, str]], train: int) -> Synonyms:
    dna, proteins = zip(*frames, strict=True)
    return Synonyms(counted(dna, proteins, range(train)))


def test_how_long_mutagenesis_takes_is_said_beforehand(monkeypatch):
    """By the time that some mutants of the first sequence take; a minute for a nucleotide here."""
    clock, asked = [0.0], []

    def predict(trials, seeds, live, row, sequences):
        asked.append((row, len(sequences)))
        clock[0] += 60 * sum(map(len, sequences))

    monkeypatch.setattr(mutagenesis, "predict", predict)
    monkeypatch.setattr(mutagenesis.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(mutagenesis, "_TIMED", 2)
    frames = {"dna": ["ATGAAA", "ATGAAGAAATGG"], "protein": ["MK", "MKKW"]}
    trials = SimpleNamespace(dataset=SimpleNamespace(frames=frames), arms={"mil": ["seed"]})
    synonyms = synonyms_of([("AAAAAGATGTGG", "KKMW")], train=1)
    said = mutagenesis.expected_time(trials, "mil", None, synonyms, [0, 1])
    # Itself and one mutant of 6 nt, itself and two of 12 nt: 48 nt.
    assert said == "mutagenesis of 2 sequences: 5 mutants, about 48 min by the first 2 of them"
    assert asked == [(0, 2)]


def test_mutants_are_every_synonym_at_every_position():
    # K is AAA or AAG, C is TGT or TGC, M has one codon; X (an N) has none.
    known = synonyms_of([("AAAAAAAAGATG", "KKKM"), ("TGTTGCNNNAAA", "CCXK")], train=1)
    assert known.of == {"C": ["TGC", "TGT"], "K": ["AAA", "AAG"], "M": ["ATG"]}
    found = known.mutants("AAGATGNNNTGT", "KMXC")
    assert [tuple(mutant) for mutant in found[1:]] == [
        (0, "K", "AAG", "AAA", "AAAATGNNNTGT"),
        (3, "C", "TGT", "TGC", "AAGATGNNNTGC"),
    ]
    assert found[0].dna == "AAGATGNNNTGT"


def test_adaptiveness_is_counted_on_the_training_rows_alone():
    known = synonyms_of([("AAAAAAAAAAAGATG", "KKKKM"), ("AAGAAGTGT", "KKC")], train=1)
    usage = {row["codon"]: (row["count"], row["adaptiveness"]) for row in known.usage()}
    assert usage == {
        "AAA": (3, 1.0), "AAG": (1, pytest.approx(1 / 3)), "ATG": (1, 1.0), "TGT": (0, 0.0)
    }  # fmt: skip


def test_own_data_a_start_codon_is_no_synonym_of_methionine_inside():
    # NCBI's table 11: GTG is methionine at the start, and valine elsewhere.
    known = synonyms_of([("GTGATGGTGGTC", "MMVV")], train=1)
    assert known.of == {"M": ["ATG"], "V": ["GTC", "GTG"]}
    assert [mutant.dna for mutant in known.mutants("GTGATGGTG", "MMV")[1:]] == ["GTGATGGTC"]


def test_own_data_adaptation_index_by_hand():
    known = synonyms_of([("AAAAAAAAAAAGATGTGC", "KKKKMC"), ("TGTATG", "CM")], train=1)
    # Of K: 1 and 1/3; M has no synonym, and TGT, never used, counts as half a codon of TGC's one.
    assert known.adaptation("AAAAAGATG", "KKM") == pytest.approx((1 / 3) ** 0.5)
    assert known.adaptation("AAATGT", "KC") == pytest.approx(0.5**0.5)
    assert np.isnan(known.adaptation("ATG", "M"))
    assert gc("GATC") == 0.5


def test_attention_of_a_query_sums_to_one_over_all_keys(read):
    trials, _ = read("xattn")
    (one, _) = trials.arms["xattn"]
    rows = list(attention_maps.attention(trials, one, trials.test[:2]))
    for place in range(2):
        codons = int(trials.dataset.codons[trials.test[place]])
        here = [row for row in rows if row["id"] == trials.dataset.ids[trials.test[place]]]
        assert len(here) == 9 * codons and {row["codons"] for row in here} == {codons}
        for query in MODALITIES:
            total = sum(row["received"] for row in here if row["query"] == query)
            # 1 is an even share of the 3 * codons keys.
            assert total == pytest.approx(3 * codons, rel=1e-5)
    assert not list(
        attention_maps.attention(*(lambda t: (t, t.arms["mil"][0], t.test))(read("mil")[0]))
    )


def test_a_fused_vector_is_the_mean_over_codons(read):
    trials, _ = read("concat")
    one = trials.arms["concat"][0]
    rows = list(attention_maps.fused(trials, one))
    assert [row["id"] for row in rows] == [trials.dataset.ids[row] for row in trials.test]
    ((_, batch),) = trials.batches(one, trials.test[3:4])
    with torch.no_grad():
        fused = one.model.fuse(one.model.views(batch), batch.mask).states[0]
    wanted = fused[: trials.dataset.codons[trials.test[3]]].mean(0)
    assert rows[3]["vector"] == pytest.approx(wanted.tolist(), abs=1e-6)


def test_the_order_of_rows_changes_no_prediction(read):
    trials, _ = read("concat")
    one, rows = (
        trials.arms["concat"][1],
        np.concatenate([trials.test, trials.dataset.rows("train")]),
    )
    mixed = np.random.default_rng(0).permutation(len(rows))[:32]
    assert trials.predict(one, rows)[mixed] == pytest.approx(
        trials.predict(one, rows[mixed]), abs=1e-6
    )


def test_what_is_missing_is_named(study, read, tmp_path):
    trials, folder = read("concat")
    files = [study.folder / f"{name}.parquet" for name in ("records", "frames", "clusters")]
    with pytest.raises(UserError, match="--rna: an arm reads these embeddings; give their receipt"):
        receipts = {view: study.receipts[view] for view in ("dna", "protein")}
        trained_arms.read("small", [folder], *files, receipts)
    with pytest.raises(UserError, match="empty: no checkpoint here"):
        trained_arms.read("small", [tmp_path / "empty"], *files, study.receipts)
    with pytest.raises(UserError, match="trained on 'small', not on 'other'"):
        trained_arms.read("other", [folder], *files, study.receipts)
    with pytest.raises(UserError, match="--dna-encoder: give the encoder's folder"):
        mutagenesis.Embedders(trials.stores, {"dna": None, "rna": None})
    assert ARMS["concat"] is trials.arms["concat"][0].arm


def test_the_command_takes_no_setting_that_it_does_not_read(capsys):
    with pytest.raises(SystemExit):
        main(["codons", "interpret", "--margin", "0.1"])
    with pytest.raises(SystemExit):
        main(["codons", "interpret", "--help"])
    said = capsys.readouterr().out
    assert "--confidence" in said and "--margin" not in said
