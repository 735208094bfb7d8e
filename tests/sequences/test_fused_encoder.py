"""Coding records of study A: frames of references and variants, and what is not coding refused."""

PAIR = {"sequence": "ATGCTGGATTA", "variant": "ATGCCGGATTA", "question": "q"}


def test_fused_encoder_has_frames_of_both_sequences_of_a_pair(clean):
    found = clean([PAIR | {"label": "a"}, {"sequence": "CTGTGG", "label": "b"}], cds=0)
    frames = {row["id"]: (row["dna"], row["protein"], row["tail"]) for row in found.frames}
    assert frames == {
        "r1": ("ATGCTGGAT", "MLD", 2),
        "r1 (variant)": ("ATGCCGGAT", "MPD", 2),
        "r2": ("CTGTGG", "LW", 0),
    }


def test_fused_encoder_reads_behind_the_frame(clean):
    found = clean([PAIR | {"sequence": "GATGCTG", "variant": "GATGTTG"}], cds=1)
    assert found.column("sequence") == ["ATGCTG"] and found.column("variant") == ["ATGTTG"]
    assert [row["protein"] for row in found.frames] == ["ML", "ML"]


def test_fused_encoder_refuses_a_record_that_is_not_coding_by_name(clean):
    rows = [PAIR, PAIR | {"id": "odd one", "sequence": "CTGTAGCTG"}]
    found = clean(rows, cds=0)
    assert found.status and "odd one" in found.said
    assert "not coding: a stop inside the frame" in found.said
    left = clean(rows, cds=0, internal_stops="drop")
    assert left.column("id") == ["r1"]
    assert [row["id"] for row in left.frames] == ["r1", "r1 (variant)"]


def test_fused_encoder_takes_a_stop_that_the_variant_makes(clean):
    found = clean([PAIR | {"sequence": "CTGTGGCTG", "variant": "CTGTGACTG"}], cds=0)
    assert [row["protein"] for row in found.frames] == ["LWL", "LXL"]
