"""Codon frames of every length, and translation against the tables as NCBI prints them."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfuse.bio.frames import code, frames, translate
from seqfuse.settings import schema

# The rows "AAs" of NCBI's list of genetic codes; codons in the order TTT, TTC, TTA, TTG, TCT, ...
NCBI = {
    1: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    2: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG",
    3: "FFLLSSSSYY**CCWWTTTTPPPPHHQQRRRRIIMMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    4: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    5: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG",
    6: "FFLLSSSSYYQQCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    9: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG",
    10: "FFLLSSSSYY**CCCWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    11: "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    12: "FFLLSSSSYY**CC*WLLLSPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    13: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSGGVVVVAAAADDEEGGGG",
    14: "FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG",
    15: "FFLLSSSSYY*QCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    16: "FFLLSSSSYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    21: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNNKSSSSVVVVAAAADDEEGGGG",
    22: "FFLLSS*SYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    23: "FF*LSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    24: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG",
    25: "FFLLSSSSYY**CCGWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    26: "FFLLSSSSYY**CC*WLLLAPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    29: "FFLLSSSSYYYYCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    30: "FFLLSSSSYYEECC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    32: "FFLLSSSSYY*WCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    33: "FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG",
}
CODONS = ["".join(codon) for codon in itertools.product("TCAG", repeat=3)]


def one(dna: str, table: int = 1) -> dict:
    [found] = frames(pa.array(["x"]), pa.array([dna]), table).to_pylist()
    return found


@pytest.mark.parametrize("table", NCBI)
def test_translation_is_ncbis_table(table):
    [protein] = translate(pa.array(["".join(CODONS)]), table).to_pylist()
    assert protein == NCBI[table]
    assert code(table) == dict(zip(CODONS, NCBI[table], strict=True))


def test_the_settings_offer_exactly_these_tables():
    assert schema.section("sequences")["genetic_code"]["enum"] == list(NCBI)


def test_a_whole_coding_sequence():
    # ATG GCA TGG GAT TAA = M A W D stop
    assert one("ATGGCATGGGATTAA") == {
        "id": "x", "dna": "ATGGCATGGGAT", "rna": "AUGGCAUGGGAU", "protein": "MAWD", "codons": 4,
        "tail": 0, "start": True, "stop": True, "internal_stops": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "dna, protein, tail, start, stop, internal",
    [
        ("ATG", "M", 0, True, False, 0),
        ("ATGG", "M", 1, True, False, 0),
        ("ATGGC", "M", 2, True, False, 0),
        ("ATGTAAG", "M", 1, True, True, 0),  # what is behind the stop is a UTR
        ("ATGTAATGAGC", "M", 2, True, True, 0),
        ("ATGTAAGCCG", "MXA", 1, True, False, 1),
        ("TAAATGTAGTGA", "XM", 0, False, True, 1),  # both stops behind ATG end it
        ("CTGTAA", "L", 0, False, True, 0),
        ("ATGNCANNNTAN", "M" + 3 * "X", 0, True, False, 0),
        ("TAA", "", 0, False, True, 0),
        ("AT", "", 2, False, False, 0),
        ("", "", 0, False, False, 0),
    ],
)
def test_frames_by_hand(dna, protein, tail, start, stop, internal):
    found = one(dna)
    assert (found["protein"], found["tail"]) == (protein, tail)
    assert (found["start"], found["stop"], found["internal_stops"]) == (start, stop, internal)
    assert found["dna"] == dna[: 3 * len(protein)] and found["codons"] == len(protein)


def test_another_table_moves_the_stops():
    # TGA is W, AGA a stop in vertebrate mitochondria (table 2).
    assert one("ATGTGAAGA", 2)["protein"] == "MW" and one("ATGTGAAGA", 2)["stop"]
    assert one("ATGTGAAGA", 1)["protein"] == "MXR" and not one("ATGTGAAGA", 1)["stop"]


@given(st.lists(st.text("ACGTN", max_size=20), min_size=1, max_size=6), st.integers(0, 5))
def test_frames_of_any_batch(sequences, first):
    """Each view has three nucleotides a residue, and each residue is its own codon's."""
    column = pa.array(sequences, pa.string())[first:]
    found = frames(pa.array([str(i) for i in range(len(column))]), column).to_pylist()
    for dna, row in zip(column.to_pylist(), found, strict=True):
        assert len(row["dna"]) == len(row["rna"]) == 3 * row["codons"] == 3 * len(row["protein"])
        assert row["rna"].replace("U", "T") == row["dna"] and dna.startswith(row["dna"])
        ends = len(dna) - len(row["dna"]) - row["tail"]
        assert (ends > 0) == row["stop"] and ends % 3 == 0
        stops = dna[len(row["dna"]) :][:ends]
        assert {stops[i : i + 3] for i in range(0, ends, 3)} <= {"TAA", "TAG", "TGA"}
        for i, residue in enumerate(row["protein"]):
            codon = dna[3 * i : 3 * i + 3]
            letter = "X" if "N" in codon else NCBI[1][CODONS.index(codon)]
            assert residue == letter.replace("*", "X")


def test_frames_go_with_their_records(clean):
    rows = ["auggcauaa", "ATGNN", "ATGGCATGG", "NNN"]
    found = clean(rows, "codons", partial_codon="drop", ambiguous="drop")
    assert [frame["id"] for frame in found.frames] == found.column("id") == ["r1", "r3"]
    assert [frame["protein"] for frame in found.frames] == ["MA", "MAW"]
    assert clean(["ATGAGA"], "codons", genetic_code=2).frames[0]["protein"] == "M"
