"""Users' mistakes: one line that names the file, the record and the fix, and exit status 2."""

import pytest

from seqfuse import cli


def complaint(capsys, study, tmp_path, *flags, arm="rna", without=()) -> str:
    """What `seqfuse codons train` says of its input; it must be one line."""
    words = ["codons", "train", "--dataset", "small", "--arm", arm, "--seeds", "0"]
    words += ["--records", str(study.folder / "records.parquet")]
    words += ["--frames", str(study.folder / "frames.parquet")]
    given = study.receipts | {f"{view}-model": folder for view, folder in study.models.items()}
    for name, path in given.items():
        words += [] if name in without else [f"--{name}", str(path)]
    words += ["--state", str(tmp_path / "state"), "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--epochs", "1", "--parameter-budget", "0", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("seqfuse codons train: error: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
    return error


def records_with(study, tmp_path, change):
    """The set with `change(record, number)` over its records."""
    changed = [record | change(record, n) for n, record in enumerate(study.records)]
    return study.write(tmp_path / "changed", changed)


def frames_with(study, tmp_path, **changed):
    """The set with another first frame."""
    frames = [study.frames[0] | changed, *study.frames[1:]]
    return study.write(tmp_path / "changed", frames=frames)


def test_a_constant_target(study, tmp_path, capsys):
    other = records_with(study, tmp_path, lambda record, n: {"value": 2.5})
    error = complaint(capsys, other, tmp_path)
    assert "every training record has the value 2.5; there is nothing to learn" in error


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_missing_target(value, study, tmp_path, capsys):
    other = records_with(study, tmp_path, lambda record, n: {"value": value} if n == 4 else {})
    error = complaint(capsys, other, tmp_path)
    assert f"records.parquet: record {study.records[4]['id']!r} has no value" in error


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_without_rows(split, study, tmp_path, capsys):
    kept = [record for record in study.records if record["split"] != split]
    error = complaint(capsys, study.write(tmp_path / "changed", kept), tmp_path)
    assert f"records.parquet: no row in split {split!r}" in error


def test_a_class_that_training_lacks(classes, tmp_path, capsys):
    number = next(n for n, r in enumerate(classes.records) if r["split"] == "test")
    other = records_with(classes, tmp_path, lambda r, n: {"label": "new"} if n == number else {})
    error = complaint(capsys, other, tmp_path)
    assert "has the label 'new', which no training record has; known: high, low, middle" in error


def test_a_record_without_a_frame(study, tmp_path, capsys):
    other = study.write(tmp_path / "changed", frames=study.frames[1:])
    assert "record 'r0' of" in complaint(capsys, other, tmp_path)


def test_mrna_of_another_sequence_is_named(study, tmp_path, capsys):
    rna = study.frames[0]["rna"]
    other = frames_with(study, tmp_path, rna=("A" if rna[0] != "A" else "C") + rna[1:])
    error = complaint(capsys, other, tmp_path)
    assert "record 'r0': its mRNA is not its DNA with U for T" in error


def test_protein_of_another_sequence_is_named(study, tmp_path, capsys):
    """Frame 43 has 23 codons; a codon that stands elsewhere too has another residue in it."""
    last = study.frames[-1]
    codons = [last["dna"][i : i + 3] for i in range(0, len(last["dna"]), 3)]
    place = next(
        n for n, c in enumerate(codons) if sum(f["dna"].count(c) for f in study.frames) > 5
    )
    residue = "W" if last["protein"][place] != "W" else "M"
    protein = last["protein"][:place] + residue + last["protein"][place + 1 :]
    frames = [*study.frames[:-1], last | {"protein": protein}]
    error = complaint(capsys, study.write(tmp_path / "changed", frames=frames), tmp_path)
    assert f"record 'r43': residue {residue!r} at codon {place + 1} ({codons[place]})" in error


def test_lengths_that_disagree_are_named(study, tmp_path, capsys):
    other = frames_with(study, tmp_path, codons=9)
    assert "record 'r0': 6 nt, 2 residues and 9 codons do not agree" in complaint(
        capsys, other, tmp_path
    )


def test_a_store_that_lacks_a_sequence(study, tmp_path, capsys):
    frames = list(study.frames)
    dna = "ATGATGATG"
    views = {"dna": dna, "rna": dna.replace("T", "U"), "protein": "MMM", "codons": 3}
    other = study.write(tmp_path / "changed", frames=[frames[0] | views, *frames[1:]])
    assert "no embedding of sequence" in complaint(capsys, other, tmp_path)


def test_a_set_that_is_not_coding_trains_on(study, tmp_path):
    """Stops inside are residue X; the audit warns, the report repeats it, and the study runs."""
    broken = [
        f | {"protein": f["protein"][:1] + "X" + f["protein"][2:], "internal_stops": 1}
        for f in study.frames
    ]
    job = study.write(tmp_path / "changed", frames=broken).job("dna_rna", tmp_path / "s", epochs=1)
    job.run(tmp_path / "out")
    assert (tmp_path / "out" / "predictions.parquet").exists()


def test_a_modality_without_a_receipt(study, tmp_path, capsys):
    error = complaint(capsys, study, tmp_path, arm="mil", without=("protein",))
    assert "arm 'mil' needs --protein, a receipt of its embeddings" in error


def test_an_arm_that_trains_an_encoder_it_is_not_given(study, tmp_path, capsys):
    error = complaint(capsys, study, tmp_path, arm="mil_lora", without=("rna-model",))
    assert "arm 'mil_lora' needs --rna-model, the encoder that it trains" in error


def test_an_arm_that_may_train_none_of_its_encoders(study, tmp_path, capsys):
    error = complaint(capsys, study, tmp_path, "--tuned", "dna", "protein", arm="rna_lora")
    assert "--tuned: arm 'rna_lora' trains none of dna, protein" in error


def test_an_encoder_of_another_modality(study, tmp_path, capsys):
    flags = ("--rna-model", str(study.models["protein"]))
    error = complaint(capsys, study, tmp_path, *flags, arm="rna_lora")
    assert f"{study.models['protein']}: an encoder of protein, but rna is needed" in error


def test_a_sequence_too_long_for_a_trained_encoder_is_named(study, tmp_path, capsys):
    dna = "ATG" * 400
    views = {"dna": dna, "rna": dna.replace("T", "U"), "protein": "M" * 400, "codons": 400}
    frames = [*study.frames[:3], study.frames[3] | views, *study.frames[4:]]
    other = study.write(tmp_path / "changed", frames=frames)
    error = complaint(capsys, other, tmp_path, arm="rna_lora")
    assert "record 'r3': the sequence has 1200 letters and 1202 tokens; rna-fm takes" in error


def test_a_width_that_the_heads_do_not_divide(study, tmp_path, capsys):
    error = complaint(capsys, study, tmp_path, "--width", "10", arm="xattn")
    assert "cross-attention needs a width divisible by 4, not 10" in error


@pytest.mark.parametrize(("batch", "which"), [("8", "loss"), ("24", "validation loss")])
def test_a_loss_that_is_no_number(batch, which, study, tmp_path, capsys):
    """With all 24 training rows in one step, validation is the first to see what it did."""
    flags = ("--learning-rate", "1e30", "--batch", batch)
    error = complaint(capsys, study, tmp_path, *flags)
    assert f"seed 0: the {which} is " in error
    assert "in epoch 1; lower --learning-rate (now 1e+30)" in error
