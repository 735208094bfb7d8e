"""The demo sets hold what they say: sizes, balance, and a truth that each record obeys."""

import collections

import numpy as np
import pytest

from seqfuse.bio.frames import code
from seqfuse.data.demo import codons, generators
from seqfuse.data.demo.planting import distinct
from seqfuse.settings.paths import RESOURCES
from seqfuse.settings.yaml_files import load_yaml

CATALOGUE = {n: e for n, e in load_yaml(RESOURCES / "datasets.yaml").items() if "generator" in e}
SIZES = {
    "variants": (1600, 200, 800), "promoter": (600, 100, 300), "splice": (600, 100, 300),
    "motifs": (600, 100, 300), "expression": (500, 100, 200), "classes": (500, 100, 200),
    "genes": (400, 50, 50), "effects": (600, 100, 300), "coding-variants": (6000, 150, 600),
    "coding-genes": (1600, 100, 100),
}  # fmt: skip


@pytest.fixture(scope="module")
def demo():
    """generator -> its rows, with the seed of the catalogue."""
    return {e["generator"]: generators.rows(e["generator"], e["seed"]) for e in CATALOGUE.values()}


def test_the_catalogue_names_every_generator_once():
    assert sorted(e["generator"] for e in CATALOGUE.values()) == sorted(generators.GENERATORS)


@pytest.mark.parametrize("generator", SIZES)
def test_sizes_truth_and_no_dna_twice(demo, generator):
    rows = demo[generator]
    counts = collections.Counter(row["split"] for row in rows)
    assert tuple(counts[name] for name in ("train", "val", "test")) == SIZES[generator]
    assert len({(row["sequence"], row.get("variant")) for row in rows}) == len(rows)
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(set(row["sequence"]) <= set("ACGT") for row in rows)
    if generator != "expression":
        target = "text" if generator.endswith("genes") else "label"
        assert all(generators.truth(generator, row) == row[target] for row in rows)


@pytest.mark.parametrize("generator", ["motifs", "expression"])
def test_a_seed_fixes_every_row(demo, generator):
    [entry] = [e for e in CATALOGUE.values() if e["generator"] == generator]
    assert generators.rows(generator, entry["seed"]) == demo[generator]
    assert generators.rows(generator, entry["seed"] + 1) != demo[generator]


def halves(rows):
    shared = [row for row in rows if row["question"].startswith("Unnamed gene.")]
    return shared, [row for row in rows if not row["question"].startswith("Unnamed gene.")]


def test_variants_where_the_sequence_decides(demo):
    """Site and allele are found again here by position, not with the generator's functions."""
    shared, _ = halves(demo["variants"])
    test = [row for row in shared if row["split"] == "test"]
    assert sorted(collections.Counter(row["label"] for row in test).values()) == [100] * 4
    found, phases = collections.defaultdict(set), set()
    for row in shared:
        places = [i for i in range(120) if row["sequence"][i] != row["variant"][i]]
        assert len(places) == 1 and len(row["variant"]) == 120
        [i] = places
        phases.add(i % 6)
        assert row["sequence"].count("GATTCAGTCAG") == row["sequence"].count("CCGACAGGATT") == 1
        site = {"GATTC": "kappa", "CCGAC": "sigma"}[row["sequence"][i - 5 : i]]
        # The nucleotides beside the variant are the same in both sites.
        assert row["sequence"][i - 1 : i + 2] == "CAG"
        found[site, row["variant"][i]].add(row["label"])
        told = f"The {site} site is now {row['variant'][i]}. This leads to {row['label']}."
        assert row["reasoning"] == told
    labels = [label for answers in found.values() for label in answers]
    assert sorted(found) == [("kappa", "G"), ("kappa", "T"), ("sigma", "G"), ("sigma", "T")]
    assert len(labels) == len(set(labels)) == 4
    assert phases == set(range(6))


def test_variants_where_the_question_decides(demo):
    _, named = halves(demo["variants"])
    labels = collections.defaultdict(set)
    for row in named:
        labels[row["question"]].add(row["label"])
    assert len(labels) == 20 and all(len(answers) == 1 for answers in labels.values())
    test = [row for row in named if row["split"] == "test"]
    assert sorted(collections.Counter(row["label"] for row in test).values()) == [100] * 4


def test_motifs_cannot_be_told_by_composition(demo):
    """The best threshold on the GC content of train is no better than a coin on test."""
    rows = demo["motifs"]
    gc = np.array([sum(c in "GC" for c in row["sequence"]) for row in rows])
    label = np.array([row["label"] == "1" for row in rows])
    train = np.array([row["split"] == "train" for row in rows])
    test = np.array([row["split"] == "test" for row in rows])
    scores = [((gc >= t) == label)[train].mean() for t in range(121)]
    best = int(np.argmax(scores))
    assert abs(((gc >= best) == label)[test].mean() - 0.5) < 0.08
    strand = str.maketrans("ACGT", "TGCA")
    for row in rows:  # both motifs are there, on one strand or the other
        both = [row["sequence"], row["sequence"].translate(strand)[::-1]]
        assert any("GCAGTCAGGAT" in s and "ATGACCTCTGC" in s for s in both)


def test_promoter_needs_both_signals(demo):
    rows = demo["promoter"]
    box = np.array(["GCTATAAAAGC" in row["sequence"] for row in rows])
    rich = np.array([sum(c in "GC" for c in row["sequence"][60:]) > 31 for row in rows])
    label = np.array([row["label"] == "1" for row in rows])
    assert ((box & rich) == label).all()
    assert 0.78 < (box == label).mean() < 0.88 and 0.78 < (rich == label).mean() < 0.88


def test_coding_sequences_are_whole(demo):
    for row in demo["expression"] + demo["classes"]:
        codons = [row["sequence"][i : i + 3] for i in range(0, len(row["sequence"]), 3)]
        assert codons[0] == "ATG" and codons[-1] in ("TAA", "TAG", "TGA")
        assert not {"TAA", "TAG", "TGA"} & set(codons[:-1]) and 20 <= len(codons) <= 100
    assert {len(row["sequence"]) % 6 for row in demo["expression"]} == {0, 3}


def test_expression_is_predictable_up_to_its_noise(demo):
    truth = np.array([generators.truth("expression", row) for row in demo["expression"]])
    value = np.array([row["value"] for row in demo["expression"]])
    r2 = 1 - ((value - truth) ** 2).sum() / ((value - value.mean()) ** 2).sum()
    assert abs(r2 - codons.CEILING_R2) < 0.03


def test_codon_score_by_hand():
    # ATG | GCC (favoured) GCA (not) TGG (no choice) CTG (favoured) | stop: 2 of 3.
    assert codons.codon_score("ATGGCCGCATGGCTGTAA") == pytest.approx(2 / 3)


def test_gene_texts_name_the_families_in_order(demo):
    for row in demo["genes"][:50]:
        words = row["text"].split()
        first, second = words[4], words[7]
        places = {name: row["sequence"].find(m) for name, m in
                  {"kinase": "GGCATTGACCA", "ligase": "CAATCGTGCAG"}.items()}  # fmt: skip
        for name, place in places.items():
            assert (place >= 0) == (name in (first, second))
        if {first, second} == set(places):
            assert (places["kinase"] < places["ligase"]) == (first == "kinase")


def test_dna_that_is_there_is_drawn_again():
    drawn = iter([{"sequence": "AC"}, {"sequence": "AC"}, {"sequence": "AC", "variant": "AG"}])
    seen = set()
    rows = [distinct(lambda: next(drawn), seen) for _ in range(2)]
    assert rows == [{"sequence": "AC"}, {"sequence": "AC", "variant": "AG"}]


def test_fused_encoder_set_asks_about_codon_changes_that_train_lacks(demo):
    """Residues are looked up in the standard code here, not in the generator's table."""
    residue, middle = code(1), slice(6, 9)
    rows = demo["coding-variants"]
    changed = {split: set() for split in ("train", "val", "test")}
    for row in rows:
        before, after = row["sequence"][middle], row["variant"][middle]
        assert sum(a != b for a, b in zip(row["sequence"], row["variant"], strict=True)) == 1
        assert before != after and residue[before] in "LR"
        assert (row["label"] == "synonymous") == (residue[before] == residue[after])
        changed[row["split"]].add((before, after))
    seen = {tuple(residue[codon] for codon in pair) for pair in changed["train"]}
    for split in ("val", "test"):
        assert not changed[split] & changed["train"]
        assert {tuple(residue[codon] for codon in pair) for pair in changed[split]} <= seen
    assert {r["label"] for r in rows if residue[r["variant"][middle]] == "R"} > {"radical"}
    shared, named = halves(rows)
    counted = collections.Counter((row["split"], row["label"]) for row in shared)
    assert set(counted.values()) == {1000, 25, 100} and len(shared) == len(named)
