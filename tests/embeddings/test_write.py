"""Embedding: each value is that of one sequence alone, and nothing is embedded twice."""

import itertools
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from seqfuse import encoders
from seqfuse.cli import main
from seqfuse.encoders import embedder as embedder_module
from seqfuse.encoders.embedder import Embedder, Settings
from seqfuse.errors import UserError

ALPHABETS = {
    "rna-fm": "ACGU",
    "nucleotide-transformer-v2": "ACGTN",
    "esm2": "ACDEFGHIKLMNPQRSTVWY",
}
# Half a unit in the last place of float16 for values up to 8, and rounding in float32 before it.
ROUNDING = 4e-3
SETTINGS = Settings(layer=-1, output="hidden", dtype="float16", too_long="refuse")


def alone(folder, sequence, **kwargs):
    """States [T, D] and spans of one sequence, from the encoder itself; no special tokens."""
    encoder = encoders.load(folder)
    tokens = encoder.tokenise(sequence)
    with torch.inference_mode():
        states = encoder(torch.from_numpy(tokens.ids)[None], **kwargs)[0].numpy()
    return states[~tokens.special], tokens.spans[~tokens.special]


def shards(store):
    return {path.name: path.read_bytes() for path in store.folder.glob("*.parquet")}


@pytest.mark.parametrize("layout", ALPHABETS)
def test_a_row_is_the_encoders_own_output(layout, write, models, random_sequences):
    sequences = random_sequences(ALPHABETS[layout], [1, 2, 7, 7, 33, 100, 100])
    store = write({"sequence": sequences}, layout)
    assert len(store) == 7
    for sequence in sequences:
        states, spans = alone(models / layout, sequence)
        assert store.get(sequence).dtype == np.float16
        np.testing.assert_allclose(store.get(sequence), states, atol=ROUNDING)
        np.testing.assert_array_equal(store.spans(sequence), spans)
        np.testing.assert_allclose(store.pooled(sequence), states.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "kwargs", "width"),
    [
        (["--layer", "1", "--dtype", "float32"], {"layer": 1}, 64),
        (["--output", "logits", "--dtype", "float32"], {"output": "logits"}, 33),
    ],
)
def test_another_layer_and_logits(flags, kwargs, width, write, models):
    store = write({"protein": ["MKVLAAGIV"]}, "esm2", *flags)
    assert store.get("MKVLAAGIV").shape == (9, width)
    states, _ = alone(models / "esm2", "MKVLAAGIV", **kwargs)
    np.testing.assert_allclose(store.get("MKVLAAGIV"), states, atol=1e-5)


def test_rna_is_pooled_to_codons(write, models, random_sequences):
    (sequence,) = random_sequences("ACGU", [11])
    store = write({"rna": [sequence]}, "rna-fm", "--resolution", "codon")
    states, _ = alone(models / "rna-fm", sequence)
    by_hand = np.stack([states[0:3].mean(0), states[3:6].mean(0), states[6:9].mean(0)])
    np.testing.assert_allclose(store.get(sequence), by_hand, atol=ROUNDING)
    assert store.spans(sequence).tolist() == [[0, 3], [3, 6], [6, 9]]
    np.testing.assert_allclose(store.pooled(sequence), by_hand.mean(0), atol=1e-5)


def test_six_mers_are_pooled_to_codons_by_their_spans(write, models):
    # A, C, N, then the 6-mer GTACGT, then A: an N shifts the phase of what follows.
    store = write({"dna": ["ACNGTACGTA"]}, "nucleotide-transformer-v2", "--resolution", "codon")
    states, spans = alone(models / "nucleotide-transformer-v2", "ACNGTACGTA")
    assert spans.tolist() == [[0, 1], [1, 2], [2, 3], [3, 9], [9, 10]]
    by_hand = np.stack([states[:3].mean(0), states[3], states[3]])
    np.testing.assert_allclose(store.get("ACNGTACGTA"), by_hand, atol=ROUNDING)


def test_a_long_sequence_is_read_in_overlapping_windows(write, models, random_sequences):
    (sequence,) = random_sequences("ACGU", [30])
    store = write({"rna": [sequence]}, "short", "--too-long", "window")
    # 14 letters fit. A quarter of 14 is 3 shared letters, so windows start at 0 and 11, and the
    # last one ends with the sequence. Borders: the middle of 11..14, and of 16..25.
    windows = [alone(models / "short", sequence[start : start + 14])[0] for start in (0, 11, 16)]
    by_hand = np.concatenate([windows[0][:12], windows[1][1:9], windows[2][4:]])
    np.testing.assert_allclose(store.get(sequence), by_hand, atol=ROUNDING)
    assert store.spans(sequence).tolist() == [[letter, letter + 1] for letter in range(30)]


def test_a_sequence_that_just_fits_is_one_window(write, models, random_sequences):
    (sequence,) = random_sequences("ACGU", [14])
    store = write({"rna": [sequence]}, "short")
    states, _ = alone(models / "short", sequence)
    np.testing.assert_allclose(store.get(sequence), states, atol=ROUNDING)


def test_a_sequence_is_embedded_once(write, capfd):
    columns = {"sequence": ["ACGU", "GGCA", "ACGU"], "variant": ["ACGA", "GGCA", "ACGA"]}
    first = write(columns, "rna-fm")
    assert "3 distinct sequences, 0 in the store, 3 to embed" in capfd.readouterr().err
    assert len(first) == sum(1 for _ in first.stream()) == 3
    held = shards(first)
    columns["sequence"].append("UUUUU")
    second = write(columns, "rna-fm")
    assert "4 distinct sequences, 3 in the store, 1 to embed" in capfd.readouterr().err
    assert [row.length for row in second.stream()].count(5) == 1
    assert sum(1 for _ in second.stream()) == 4
    assert held.items() <= shards(second).items()
    assert shards(write(columns, "rna-fm")) == shards(second)


def test_the_order_of_the_table_changes_no_byte(write, random_sequences):
    sequences = random_sequences("ACGU", [5, 90, 31, 31, 60])
    first = write({"sequence": sequences}, "rna-fm")
    second = write({"sequence": sequences[::-1]}, "rna-fm", store="other")
    assert first.folder != second.folder
    assert shards(first) == shards(second)
    assert [row.length for row in first.stream()] == [90, 60, 31, 31, 5]


@pytest.mark.parametrize("layout", ALPHABETS)
def test_a_row_does_not_depend_on_its_batch(layout, models, random_sequences):
    alphabet = ALPHABETS[layout].replace("N", "")
    sequences = random_sequences(alphabet, [*range(1, 20), 40, 40, 40, 130])
    embedder = Embedder(models / layout, SETTINGS, "native")
    counted = embedder.count(dict.fromkeys(sequences, "here"))
    together = {row.sequence: row.states for row in embedder.rows(counted)}
    for sequence in sequences:
        (row,) = embedder.rows({sequence: counted[sequence]})
        np.testing.assert_allclose(together[row.sequence], row.states, atol=ROUNDING)


@pytest.mark.parametrize("layout", ALPHABETS)
def test_padding_changes_no_row(layout, models, monkeypatch, random_sequences):
    sequences = random_sequences(ALPHABETS[layout].replace("N", ""), [3, 4, 9, 20, 70])
    embedder = Embedder(models / layout, SETTINGS, "native")
    counted = embedder.count(dict.fromkeys(sequences, "here"))
    plain = list(embedder.rows(counted))
    sizes = []
    forward = embedder._forward
    monkeypatch.setattr(embedder, "_forward", lambda ids: sizes.append(len(ids)) or forward(ids))
    monkeypatch.setattr(embedder, "_padded", True)
    for row, expected in zip(embedder.rows(counted), plain, strict=True):
        np.testing.assert_allclose(row.states, expected.states, atol=ROUNDING)
    assert sizes == [5]


def test_a_batch_stays_within_its_budget(models, monkeypatch, random_sequences):
    sequences = random_sequences("ACGU", [18] * 7)
    embedder = Embedder(models / "rna-fm", SETTINGS, "native")
    embedder._budget = 60
    sizes = []
    forward = embedder._forward
    monkeypatch.setattr(embedder, "_forward", lambda ids: sizes.append(len(ids)) or forward(ids))
    assert len(list(embedder.rows(embedder.count(dict.fromkeys(sequences, "here"))))) == 7
    assert sizes == [3, 3, 1]


def test_too_little_memory_halves_the_batch(models, monkeypatch, random_sequences):
    sequences = random_sequences("ACGU", [18] * 7)
    embedder = Embedder(models / "rna-fm", SETTINGS, "native")
    counted = embedder.count(dict.fromkeys(sequences, "here"))
    expected = list(embedder.rows(counted))
    forward = embedder._forward

    def scarce(ids):
        if len(ids) > 2:
            raise torch.OutOfMemoryError
        return forward(ids)

    monkeypatch.setattr(embedder, "_forward", scarce)
    for row, same in zip(embedder.rows(counted), expected, strict=True):
        assert row.sequence == same.sequence
        np.testing.assert_allclose(row.states, same.states, atol=ROUNDING)

    def none(ids):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(embedder, "_forward", none)
    with pytest.raises(UserError, match="18 letters.*too long for this GPU's memory"):
        list(embedder.rows(counted))


def test_a_state_that_is_not_finite_names_its_sequence(models, monkeypatch):
    embedder = Embedder(models / "rna-fm", SETTINGS, "native")
    monkeypatch.setattr(embedder, "_forward", lambda ids: torch.full((1, len(ids[0]), 64), 1e5))
    with pytest.raises(UserError, match="ACGUACGU.*not finite in float16"):
        list(embedder.rows(embedder.count({"ACGUACGU": "here"})))


def test_a_sequence_that_lacks_states_is_named(models, monkeypatch):
    embedder = Embedder(models / "rna-fm", SETTINGS, "native")
    forward = embedder._forward
    monkeypatch.setattr(embedder, "_forward", lambda ids: forward(ids)[:, :-2])
    with pytest.raises(UserError, match="'ACGUACGU'.*: 7 states for 8 tokens"):
        list(embedder.rows(embedder.count({"ACGUACGU": "here"})))


@pytest.mark.parametrize("native", [True, False])
def test_half_precision_is_that_of_the_gpu(native, models, monkeypatch, random_sequences):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    dtype = embedder_module._computed("cuda")
    assert dtype == (torch.bfloat16 if native else torch.float16)
    # Autocast works the same way on a CPU.
    monkeypatch.setattr(embedder_module, "_computed", lambda device: dtype)
    sequences = random_sequences("ACGU", [5, 40, 90])
    half = Embedder(models / "rna-fm", SETTINGS, "native")
    monkeypatch.undo()
    exact = Embedder(models / "rna-fm", SETTINGS, "native")
    assert half.description["computed"] == str(dtype).removeprefix("torch.")
    assert exact.description["computed"] == "float32"
    counted = exact.count(dict.fromkeys(sequences, "here"))
    for row, same in zip(half.rows(counted), exact.rows(counted), strict=True):
        assert row.states.dtype == np.float16 and row.pooled.dtype == np.float32
        assert 1e-4 < np.abs(row.states - same.states).max() < 0.1


def test_the_key_says_what_a_row_depends_on(models, tmp_path):
    def key(folder=models / "rna-fm", resolution="native", **changed):
        settings = Settings(**(vars(SETTINGS) | changed))
        return Embedder(folder, settings, resolution).description

    base = key()
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for path in (models / "rna-fm").iterdir():
        (renamed / path.name).write_bytes(path.read_bytes())
    (renamed / "model.json").write_text("{}")
    assert key(renamed) == key(layer=2) == base
    others = [key(layer=1), key(dtype="float32"), key(output="logits"), key(too_long="window")]
    others += [key(resolution="codon"), key(models / "short"), key(models / "esm2")]
    encoder = encoders.load(renamed)
    with torch.no_grad():
        encoder.embed_tokens.weight[5, 0] += 1
    encoder.save(renamed)
    others.append(key(renamed))
    assert all(a != b for a, b in itertools.combinations([base, *others], 2))


@pytest.mark.parametrize(
    ("columns", "model", "flags", "message"),
    [
        ({"rna": ["ACGU", "ACTU"]}, "rna-fm", [], r"rna of record 'row1': 'T' at letter 3"),
        ({"rna": ["ACGU", ""]}, "rna-fm", [], r"rna of record 'row1' is empty"),
        ({"rna": [None]}, "rna-fm", [], r"no sequence in rna"),
        ({"rna": ["ACGU", "A" * 15]}, "short", [], r"record 'row1' has 15 tokens.* at most 14"),
        ({"rna": ["AC"]}, "rna-fm", ["--resolution", "codon"], r"'row0': 'AC' is shorter than"),
        ({"protein": ["MK"]}, "esm2", ["--resolution", "codon"], r"has no codons"),
        ({"protein": ["MK VL"]}, "esm2", [], r"'row0': its tokens do not cover it"),
        ({"protein": [" "]}, "esm2", [], r"'row0': its tokens do not cover it"),
        ({"rna": ["ACGU"]}, "rna-fm", ["--layer", "3"], r"layer 3"),
    ],
)
def test_a_mistake_is_one_line(columns, model, flags, message, write, tmp_path, capfd):
    assert write(columns, model, *flags) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("seqfuse embeddings write: error: ")
    assert re.search(message, line)
    assert not (tmp_path / "receipt.json").exists()
    assert not list(tmp_path.glob("store/*/*.parquet"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("layers.1.fc1.bias"), r"layers\.1\.fc1\.bias is missing"),
        (lambda tensors: tensors.update(extra=torch.zeros(3)), r"extra is not part of the model"),
        (
            lambda tensors: tensors.update({"layers.1.fc1.bias": torch.zeros(3)}),
            r"layers\.1\.fc1\.bias has the shape \[3\], but config\.json needs \[128\]",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_one_line(
    change, message, write, models, tmp_path, capfd
):
    broken = tmp_path / "broken"
    shutil.copytree(models / "rna-fm", broken)
    tensors = load_file(broken / "model.safetensors")
    change(tensors)
    save_file(tensors, broken / "model.safetensors")
    assert write({"rna": ["ACGU"]}, broken) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert re.search(rf"error: {broken}: tensor {message}", line)
    assert not (tmp_path / "receipt.json").exists() and not (tmp_path / "store").exists()


def test_a_missing_column_is_named(write, tmp_path, capfd):
    write({"rna": ["ACGU"]}, "rna-fm")
    capfd.readouterr()
    words = ["embeddings", "write", "--table", str(tmp_path / "table.parquet"), "--columns", "dna"]
    words += ["--model", "none", "--store", str(tmp_path / "s"), "--out", str(tmp_path / "r.json")]
    assert main(words) == 2
    assert "column 'dna' is missing; found id, rna" in capfd.readouterr().err
