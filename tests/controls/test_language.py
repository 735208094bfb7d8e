"""Controls of study A: lookups by hand, composition against what order it cannot see."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.controls.baselines import codon_changes, composition, lookups, regressions, wording
from seqfuse.controls.labels import label_controls
from seqfuse.registry.controls import CONTROLS

CLASSES = ["ataxia", "myopathy"]


def test_a_lookup_by_hand():
    keys, labels = ["q1", "q1", "q1", "q2"], ["ataxia", "myopathy", "myopathy", "ataxia"]
    found = lookups.lookup(keys, labels, ["q1", "q2", "q3"], CLASSES)
    # One count is spread by the labels' shares, one half each: (1.5, 2.5) / 4 and (1.5, .5) / 2.
    assert found == pytest.approx(np.array([[0.375, 0.625], [0.75, 0.25], [0.5, 0.5]]))


def test_a_tie_goes_to_the_commoner_label_and_the_unseen_to_the_majority():
    keys, labels = ["q1", "q1", "q2", "q2"], ["ataxia", "myopathy", "myopathy", "myopathy"]
    found = lookups.lookup(keys, labels, ["q1", "new"], CLASSES).argmax(axis=1)
    assert [CLASSES[i] for i in found] == ["myopathy", "myopathy"]
    assert lookups.majority(labels, CLASSES, 2) == pytest.approx(np.array([[0.25, 0.75]] * 2))


def test_composition_by_hand():
    assert composition.gc(["ACGT", "GGG", "AN", "NN"])[:, 0] == pytest.approx([0.5, 1, 0, 0])
    counted = composition.kmers(["AACNC", "ca"], 2)
    assert counted.shape == (2, 4 + 16)
    mono, di = counted[:, :4], counted[:, 4:].reshape(2, 4, 4)
    assert mono.tolist() == [[2, 2, 0, 0], [1, 1, 0, 0]]
    # AA and AC in the first, CA in the second; what holds N or spans both (CC) does not count.
    assert [tuple(place) for place in np.argwhere(di)] == [(0, 0, 0), (0, 0, 1), (1, 1, 0)]


def test_composition_is_the_same_in_batches(monkeypatch):
    sequences = ["ACGT", "", "GG", "TTTAN", "C"]
    whole = composition.kmers(sequences, 3)
    monkeypatch.setattr(composition, "_BATCH", 2)
    assert (composition.kmers(sequences, 3) == whole).all()
    assert whole[:, :4].sum(axis=1).tolist() == [4, 0, 2, 4, 1]


def least_loss(features, labels, classes, strength) -> np.ndarray:
    """Log-probabilities at the least summed cross-entropy + |W|^2 / (2 * strength), by scipy."""
    design = np.column_stack(
        [(features - features.mean(0)) / features.std(0), np.ones(len(labels))]
    )

    def loss(flat):
        weights = flat.reshape(-1, classes)
        log_p = log_softmax(design @ weights, axis=1)
        error, penalised = np.exp(log_p) - np.eye(classes)[labels], weights.copy()
        penalised[-1] = 0
        value = -log_p[np.arange(len(labels)), labels].sum() + (penalised**2).sum() / 2 / strength
        return value, (design.T @ error + penalised / strength).ravel()

    start = np.zeros(design.shape[1] * classes)
    found = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7})
    return log_softmax(design @ found.x.reshape(-1, classes), axis=1)


@pytest.mark.parametrize("strength", [0.01, 0.5, 10.0])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_logistic_regression_minimises_what_it_states(classes, strength):
    random = np.random.default_rng(0)
    features = random.normal(size=(80, 5)) * [1, 2, 3, 4, 5] + 1
    labels = np.argmax(features[:, :classes] + random.normal(size=(80, classes)), axis=1)
    found = regressions.logistic(features, labels, classes, strength)(features)
    assert found == pytest.approx(least_loss(features, labels, classes, strength), abs=1e-5)
    # The same fit says the same bytes.
    again = regressions.logistic(features, labels, classes, strength)(features)
    assert found.tobytes() == again.tobytes()


def test_a_constant_feature_says_nothing():
    features = np.stack([np.arange(6.0), np.full(6, 0.1)], axis=1)
    labels = np.array([0, 0, 0, 1, 1, 1])
    with_it = regressions.logistic(features, labels, 2)(features + [0, 9])
    without = regressions.logistic(features[:, :1], labels, 2)(features[:, :1])
    assert with_it == pytest.approx(without, abs=1e-6)


def test_a_class_without_a_row_is_unlikely_and_changes_no_other():
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(40, 2)), random.integers(0, 3, 40)
    without = regressions.logistic(features, labels, 3)(features)
    found = regressions.logistic(features, np.array([0, 2, 3])[labels], 5)(features)
    assert found[:, [0, 2, 3]] == pytest.approx(without)
    assert np.exp(found[:, [1, 4]]) == pytest.approx(1e-6)
    # Where all rows have one class, nothing is left to fit.
    alone = regressions.logistic(features, np.ones(40, int), 3)(features)
    assert np.exp(alone) == pytest.approx(np.tile([1e-6, 1, 1e-6], (40, 1)))


def records(path, rows) -> str:
    rows = [{"id": f"r{i}"} | row for i, row in enumerate(rows)]
    tables.write(path, tables.from_rows(rows, tables.CLEAN), tables.CLEAN)
    return str(path)


def predicted(folder, *names_and_paths) -> dict:
    """{(dataset, method): {id: row}} of `seqfuse controls language`."""
    names, paths = names_and_paths[::2], names_and_paths[1::2]
    out = folder / "predictions.parquet"
    words = ["controls", "language", "--suite", "s", "--datasets", *names, "--records", *paths]
    assert main([*words, "--out", str(out)]) == 0
    found: dict = {}
    for row in tables.read(out, tables.PREDICTIONS).to_pylist():
        found.setdefault((row["dataset"], row["method"]), {})[row["id"]] = row
    return found


def test_the_command_predicts_val_and_test_with_every_control(tmp_path):
    rows = [
        {"split": "train", "label": "ataxia", "question": "q1", "sequence": "AAAA"},
        {"split": "train", "label": "ataxia", "question": "q1", "sequence": "AAAC"},
        {"split": "train", "label": "myopathy", "question": "q2", "sequence": "GGGG"},
        {"split": "val", "label": "myopathy", "question": "q2", "sequence": "GGGC"},
        {"split": "test", "label": "myopathy", "question": "q2", "sequence": "AAAA"},
        {"split": "test", "label": "unheard", "question": "q3", "sequence": "GGGG"},
    ]
    with_variants = [row | {"variant": row["sequence"][:-1] + "T"} for row in rows]
    found = predicted(
        tmp_path,
        "plain", records(tmp_path / "plain.parquet", rows),
        "pairs", records(tmp_path / "pairs.parquet", with_variants),
    )  # fmt: skip
    of_codons = {"codon_lookup", "amino_acid_lookup"}
    everyone = {*CONTROLS["language"]} - {"question_majority"} - of_codons
    assert {method for dataset, method in found if dataset == "pairs"} == everyone
    plain = {method for dataset, method in found if dataset == "plain"}
    assert plain == everyone - {"reference_only"}
    answers = {
        method: [row["predicted"] for row in by_id.values()]
        for (dataset, method), by_id in found.items()
        if dataset == "plain"
    }
    assert answers["majority"] == ["ataxia"] * 3
    assert answers["question_lookup"] == ["myopathy", "myopathy", "ataxia"]
    assert answers["pair_lookup"] == ["ataxia", "ataxia", "myopathy"]
    assert answers["gc"] == ["myopathy", "ataxia", "myopathy"]
    row = found["plain", "question_lookup"]["r4"]
    # Counts of q2: no ataxia, one myopathy, and one count spread 2/3 to 1/3.
    loglik = dict(row["loglik"])
    assert loglik == pytest.approx({"ataxia": np.log(1 / 3), "myopathy": np.log(2 / 3)})
    assert (row["seed"], row["probe"]) == (0, "none")


def test_the_wording_of_a_new_question_gives_its_label_away(tmp_path):
    """No question is seen twice, and the DNA says nothing; a word and an ending do."""
    random = np.random.default_rng(0)
    rows = []
    for i in range(120):
        sick = i % 2 == 0
        word = "names gene" if sick else "is intergenic"
        rows.append(
            {"split": ("train", "train", "val", "test")[i // 30], "sequence": "ACGT"}
            | {"label": CLASSES[sick], "question": f"Site {random.integers(1e9)} {word}"}
        )
    found = predicted(tmp_path, "d", records(tmp_path / "d.parquet", rows))
    gold = {f"r{i}": row["label"] for i, row in enumerate(rows)}
    said = {
        method: np.mean([row["predicted"] == gold[name] for name, row in by_id.items()])
        for (_, method), by_id in found.items()
    }
    assert said["question_words"] == 1.0
    assert said["question_lookup"] == said["kmer"] == 0.5


def test_words_are_fitted_the_same_along_the_directions_that_training_questions_span():
    """Some 60 columns of a few words become four, one a distinct question that is fitted."""
    asked = [
        "a gene of ataxia",
        "a gene of myopathy",
        "no gene",
        "a gene of ataxia",
        "no gene, ataxia",
    ]
    asked += ["a new gene of myopathy", "elsewhere"]
    counted, fitted = wording.counts(asked), np.arange(5)
    few = wording.coordinates(counted, fitted)
    assert few.shape == (7, 4) and counted.shape[1] > 40
    assert few @ few[fitted].T == pytest.approx((counted @ counted[fitted].T).toarray())
    labels = np.array([0, 1, 2, 0, 1])
    whole, said = (
        regressions.logistic(features[fitted], labels, 3, 0.1, words=True)(features)
        for features in (counted, few)
    )
    assert said == pytest.approx(whole, abs=2e-3)


def test_words_that_span_too_much_stay_sparse(monkeypatch):
    counted = wording.counts(["one", "two", "three"])
    monkeypatch.setattr(wording, "_MOST_ENTRIES", 5)
    assert wording.coordinates(counted, np.arange(2)) is counted


def test_each_dataset_learns_from_its_own_training_records(tmp_path):
    def one(label):
        return [
            {"split": split, "label": label, "question": "q", "sequence": "ACGT"}
            for split in ("train", "test")
        ]

    found = predicted(
        tmp_path,
        "a", records(tmp_path / "a.parquet", one("left")),
        "b", records(tmp_path / "b.parquet", one("right")),
    )  # fmt: skip
    assert found["a", "question_lookup"]["r1"]["predicted"] == "left"
    assert found["b", "question_lookup"]["r1"]["predicted"] == "right"


def test_composition_cannot_tell_the_order_of_motifs(tmp_path):
    # Two motifs in one order or the other, apart from each other: the same counts on average.
    random = np.random.default_rng(0)
    rows = []
    for i in range(600):
        forwards = i % 2 == 0
        first, last = ("GATTACA", "CCTGGTC") if forwards else ("CCTGGTC", "GATTACA")
        parts = ["".join(random.choice(list("ACGT"), 30)) for _ in range(3)]
        rows.append({
            "split": "train" if i < 300 else "test",
            "label": "ahead" if forwards else "behind",
            "sequence": parts[0] + first + parts[1] + last + parts[2],
        })  # fmt: skip
    found = predicted(tmp_path, "motifs", records(tmp_path / "motifs.parquet", rows))
    for control in ("gc", "composition", "kmer"):
        answers = found["motifs", control].items()
        right = sum(row["predicted"] == rows[int(name[1:])]["label"] for name, row in answers)
        # 300 fair coins: five deviations are .14.
        assert abs(right / 300 - 0.5) < 0.14, control


def test_composition_tells_what_it_can(tmp_path):
    random = np.random.default_rng(0)
    rows = [
        {
            "split": "train" if i < 100 else "test",
            "label": "rich" if i % 2 else "poor",
            "sequence": "".join(random.choice(list("ACGT" + "GCGC" * (i % 2)), 80)),
        }
        for i in range(200)
    ]
    found = predicted(tmp_path, "gc", records(tmp_path / "gc.parquet", rows))
    for control in ("gc", "composition"):
        answers = found["gc", control].items()
        right = sum(row["predicted"] == rows[int(name[1:])]["label"] for name, row in answers)
        assert right >= 95, control


def test_only_longer_kmers_tell_which_site_was_hit(tmp_path):
    # Both sites are in every reference; the change of either is CAG to CGG.
    random = np.random.default_rng(0)
    rows = []
    for i in range(400):
        parts = ["".join(random.choice(list("ACGT"), 25)) for _ in range(3)]
        sites = ["TTCAGTC", "GACAGGA"]
        reference = parts[0] + sites[0] + parts[1] + sites[1] + parts[2]
        sites[i % 2] = sites[i % 2].replace("CAG", "CGG")
        variant = parts[0] + sites[0] + parts[1] + sites[1] + parts[2]
        row = {"split": "train" if i < 200 else "test", "label": f"site {i % 2}"}
        rows.append(row | {"sequence": reference, "variant": variant})
    found = predicted(tmp_path, "sites", records(tmp_path / "sites.parquet", rows))
    right = {
        control: sum(
            row["predicted"] == rows[int(name[1:])]["label"] for name, row in by_id.items()
        )
        for (_, control), by_id in found.items()
    }
    assert right["kmer"] == 200
    # 200 fair coins: five deviations are 35.
    assert abs(right["composition"] - 100) < 35
    assert abs(right["reference_only"] - 100) < 35


def test_the_reference_alone_does_not_see_the_variant(tmp_path):
    # One reference; the allele decides.
    rows = [
        {
            "split": "train" if i < 40 else "test",
            "label": "G" if i % 2 else "T",
            "sequence": "ACGAACGTAC",
            "variant": f"ACGA{'G' if i % 2 else 'T'}CGTAC",
        }
        for i in range(80)
    ]
    found = predicted(tmp_path, "alleles", records(tmp_path / "alleles.parquet", rows))

    def right(control):
        answers = found["alleles", control].items()
        return sum(row["predicted"] == rows[int(name[1:])]["label"] for name, row in answers)

    assert right("composition") == right("gc") == 40
    assert right("reference_only") == right("pair_lookup") - 20 == 20


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"split": "test", "label": "a", "sequence": "A"}], "no training record"),
        ([{"split": "train", "sequence": "A"}], "record r0 has no label"),
    ],
)
def test_what_controls_cannot_learn_from_is_refused(tmp_path, capsys, rows, words):
    path = records(tmp_path / "records.parquet", rows)
    words_of_command = [
        "controls",
        "language",
        "--suite",
        "s",
        "--datasets",
        "d",
        "--records",
        path,
    ]
    assert main([*words_of_command, "--out", str(tmp_path / "out.parquet")]) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error
    assert not (tmp_path / "out.parquet").exists()


def accuracies(rows) -> dict[str, float]:
    """The test accuracy of every control of some records."""
    from seqfuse.controls.labels import label_controls
    from seqfuse.controls.labels.label_controls import Records

    names = ("id", "split", "sequence", "variant", "question", "label")
    columns = {name: [row[name] for row in rows] for name in names}
    places = {
        split: [i for i, row in enumerate(rows) if row["split"] == split]
        for split in ("train", "val", "test")
    }
    classes = sorted({rows[i]["label"] for i in places["train"]})
    asked = places["val"] + places["test"]
    records = Records(columns, places["train"], places["val"], asked, classes)
    gold = np.array([rows[i]["label"] for i in places["test"]])
    fitted = label_controls.features(columns)
    found = {}
    for name, log_p in label_controls.controls(records, fitted):
        said = np.array(classes)[log_p.argmax(1)][len(places["val"]) :]
        found[name] = (said == gold).mean()
    return found


def test_planted_leak_is_found_by_the_words_of_the_question_alone():
    from seqfuse.data.demo import effects

    rows = effects.effects(seed=7)
    found = accuracies(rows)
    assert found["question_words"] == 1.0
    # No question comes twice, and the DNA says nothing: 300 rows of a coin are within 0.1 of it.
    for name in ("question_lookup", "majority", "pair_lookup", "kmer", "composition", "gc"):
        assert abs(found[name] - 0.5) < 0.1, name


def test_planted_nothing_is_found_once_all_questions_are_one():
    from seqfuse.data.demo import effects

    rows = [row | {"question": "Pathogenic or benign?"} for row in effects.effects(seed=7)[::3]]
    assert all(abs(value - 0.5) < 0.2 for value in accuracies(rows).values())


def test_fused_encoder_lookups_of_codons_and_amino_acids_by_hand(tmp_path):
    assert codon_changes.codons(["CTGTGG", "CTGTGG"], ["CTATGG", "CTGTGGA"]) == [
        (("CTG", "CTA"),),
        (1,),
    ]
    changes = codon_changes.amino_acids(["CTGTGG", "CTGTGG", "CTG"], ["CTATGA", "CTGTG", "NTG"], 1)
    assert changes == [(("L", "L"), ("W", "*")), (-1,), (("L", "X"),)]
    # Another code: in mitochondria TGA is tryptophan.
    assert codon_changes.amino_acids(["TGG"], ["TGA"], 2) == [(("W", "W"),)]
    pairs = (
        ("CTGAAA", "CTAAAA", "same", "train"),
        ("CTGAAA", "CCGAAA", "other", "train"),
        ("CTCAAA", "CTTAAA", "same", "test"),
        ("AAACTG", "AAACTA", "same", "test"),
        ("CTGAAC", "CTGAAC", "same", "train"),
        ("CTGAAC", "CTGAAC", "other", "val"),
    )
    rows = [
        {"id": f"r{i}", "sequence": one, "variant": two, "label": label, "split": split}
        for i, (one, two, label, split) in enumerate(pairs)
    ]
    path = tmp_path / "records.parquet"
    tables.write(path, tables.from_rows(rows, tables.CLEAN), tables.CLEAN)
    plain, coding = label_controls.read(path), label_controls.read(path, 1)
    found = dict(label_controls.controls(coding, {}))
    assert set(found) - set(dict(label_controls.controls(plain, {}))) == {
        "codon_lookup",
        "amino_acid_lookup",
    }
    classes = coding.classes
    asked = [coding.columns["id"][row] for row in coding.asked]
    # Of L > L in other codons, the codons know the shares of train, the amino acids the label.
    codons, residues = found["codon_lookup"], found["amino_acid_lookup"]
    row, known = asked.index("r2"), asked.index("r3")
    same = classes.index("same")
    assert np.exp(codons[row, same]) == pytest.approx(2 / 3)
    assert np.exp(residues[row, same]) == pytest.approx((1 + 2 / 3) / 2)
    assert np.exp(codons[known, same]) == np.exp(residues[known, same])
