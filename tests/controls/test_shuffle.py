"""Shuffled codons: what must stay and what must go; encoders with random weights."""

from collections import Counter

import pytest
import torch

from seqfuse import encoders, tables
from seqfuse.bio.frames import code
from seqfuse.cli import main
from seqfuse.controls.properties.codon_shuffling import frames, other_proteins
from seqfuse.encoders.models import random_models

RESIDUE = code(1)


def row(name: str, dna: str, start: bool = False, stop: bool = False) -> dict:
    """One of `FRAMES`; a stop inside or an N is X."""
    protein = "".join(RESIDUE.get(dna[i : i + 3], "X") for i in range(0, len(dna), 3))
    views = {"dna": dna, "rna": dna.replace("T", "U"), "protein": protein.replace("*", "X")}
    facts = {"codons": len(protein), "tail": 0, "start": start, "stop": stop}
    return {"id": name} | views | facts | {"internal_stops": protein.count("*")}


def codons(found: dict) -> list[str]:
    return [found["dna"][i : i + 3] for i in range(0, len(found["dna"]), 3)]


# Leucine has six codons; this one uses one of them, the other another.
PLAIN = row("a", "ATG" + "CTG" * 30 + "AAA" * 10 + "TGGNNATAG", start=True)
OTHER = row("b", "ATG" + "TTA" * 30 + "AAG" * 10 + "TGG", start=True)


def test_order_goes_and_composition_stays():
    (found,) = frames([PLAIN], "codons", 0)
    assert Counter(codons(found)) == Counter(codons(PLAIN)) and found["dna"] != PLAIN["dna"]
    assert found["dna"].startswith("ATG") and Counter(found["protein"]) == Counter(PLAIN["protein"])
    assert found == PLAIN | row("a", found["dna"], start=True)


def test_without_a_start_codon_the_first_place_is_shuffled_too():
    plain = row("a", "CTG" + "AAA" * 200)
    assert codons(frames([plain], "codons", 0)[0])[0] == "AAA"


def test_synonymous_shuffle_keeps_the_protein_and_loses_the_usage():
    found = frames([PLAIN, OTHER], "synonymous", 0)
    for before, after in zip((PLAIN, OTHER), found, strict=True):
        assert after["protein"] == before["protein"]
        assert after == before | row(before["id"], after["dna"], start=True)
        share = codons(after).count("CTG") / 30
        # 0 or 1 before; now as in both together, 1/2, within four standard deviations.
        assert 0.13 < share < 0.87 and set(codons(after)) <= {*codons(PLAIN), *codons(OTHER)}
    assert codons(found[0])[-2:] == ["NNA", "TAG"]


def test_fused_encoder_of_shuffled_pairs_is_shown_which_codon_differs_and_not_where():
    """Reference and variant are shuffled each for itself."""
    reference = "".join(a + b + "G" for a in "ACGT" for b in "CG")
    pair = [row("a", reference), row("a (variant)", reference[:12] + "TTT" + reference[15:])]
    shuffled = frames(pair, "codons", 0)
    before, after = ([Counter(codons(one)) for one in rows] for rows in (pair, shuffled))
    assert before == after and before[0] - before[1] == {reference[12:15]: 1}
    facing = zip(*(codons(one) for one in shuffled), strict=True)
    assert sum(a != b for a, b in facing) > 1


@pytest.mark.parametrize("how", ["codons", "synonymous"])
def test_equal_sequences_stay_equal_wherever_they_stand(how):
    twin = PLAIN | {"id": "c"}
    first = frames([PLAIN, OTHER, twin], how, 0)
    assert first[0]["dna"] == first[2]["dna"] != frames([PLAIN, OTHER, twin], how, 1)[0]["dna"]
    again = frames([OTHER, PLAIN, twin], how, 0)
    assert again[1]["dna"] == first[0]["dna"]


def test_the_command_writes_frames(tmp_path):
    path, out = tmp_path / "frames.parquet", tmp_path / "out" / "frames.parquet"
    tables.write(path, tables.from_rows([PLAIN, OTHER], tables.FRAMES), tables.FRAMES)
    words = ["controls", "shuffle", "--frames", str(path), "--how", "codons", "--out", str(out)]
    assert main(words) == 0
    assert tables.read(out, tables.FRAMES).to_pylist() == frames([PLAIN, OTHER], "codons", 0)


@pytest.mark.parametrize(
    ("layout", "widths", "sequence"),
    [
        ("nucleotide-transformer-v2", ("hidden_size", "intermediate_size"), "ACGTACGTAC"),
        ("rna-fm", ("embed_dim", "ffn_embed_dim"), "ACGUACGU"),
        ("esm2", ("hidden_size", "intermediate_size"), "MKLV"),
    ],
)
def test_a_random_encoder_has_the_shape_and_nothing_else(layout, widths, sequence, tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    random_models.write(layout, dict.fromkeys(widths, 24), 7, [], source)
    words = ["controls", "randomise", "--model", str(source)]
    assert main([*words, "--out", str(out)]) == 0 == main([*words, "--out", str(tmp_path / "two")])
    published, random = encoders.load(source), encoders.load(out)
    assert random.config == published.config
    tokens = published.tokenise(sequence)
    assert random.tokenise(sequence).ids.tolist() == tokens.ids.tolist()
    ids = torch.from_numpy(tokens.ids)[None]
    assert not torch.allclose(random(ids), published(ids), atol=0.1)
    names = sorted(path.name for path in out.iterdir())
    given = {path.name for path in source.iterdir()} - {"model.json"}
    assert names == sorted(given | {"manifest.json"})
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_fused_encoder_of_another_protein_keeps_the_codons_and_gives_no_record_its_own():
    rows = [row(name, "CTG" * (4 + n) + codon * 2) for n, (name, codon) in enumerate(
        [("a", "AAA"), ("b", "TGG"), ("c", "GAT")])]  # fmt: skip
    rows += [row("a (variant)", "CTG" * 4 + "AACAAA")]
    found = other_proteins(rows, 0)
    assert [one["id"] for one in found] == [one["id"] for one in rows]
    for one, before in zip(found, rows, strict=True):
        assert {k: v for k, v in one.items() if k != "protein"} == {
            k: v for k, v in before.items() if k != "protein"
        }
        assert len(one["protein"]) == one["codons"]
    # A variant gets what its reference gets, of the length that it has.
    assert found[3]["protein"] == found[0]["protein"] != rows[0]["protein"]
    tails = {"a": "KK", "b": "WW", "c": "DD"}
    givers = {one["id"]: {n for n, t in tails.items() if t[0] in one["protein"]} for one in found}
    assert all(name not in givers[name] for name in tails)
