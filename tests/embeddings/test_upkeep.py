"""inspect, verify and gc say what is there, what is wrong, and remove only what nobody needs."""

import json

import numpy as np
import pytest

from seqfuse.cli import main
from seqfuse.encoders.store.writer import Writer


@pytest.fixture
def two_keys(tmp_path, fill, description):
    """A store with two keys, and a receipt of the first."""
    first = fill(tmp_path / "store", ["ACGT", "GG"])
    with Writer(tmp_path / "store", description | {"layer": 1}) as second:
        pass
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps({"store": str(tmp_path / "store"), "key": first.key}))
    return first.folder, second.folder


def test_inspect_says_what_a_store_holds(two_keys, tmp_path, capsys):
    assert main(["embeddings", "inspect", "--store", str(tmp_path / "store")]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    first, second = two_keys
    size = sum(path.stat().st_size for path in first.glob("*.parquet")) / 1e6
    assert lines[first.name] == (
        f"{first.name}  made-up, layer 2, hidden, native, 4 x float16: 2 sequences, 6 states,"
        f" 1 shards, {size:.1f} MB"
    )
    assert ": 0 sequences, 0 states, 0 shards, 0.0 MB" in lines[second.name]


def test_inspect_describes_a_key(two_keys, tmp_path, description, capsys):
    words = ["embeddings", "inspect", "--store", str(tmp_path / "store"), "--key"]
    assert main([*words, two_keys[0].name[:9]]) == 0
    assert json.loads(capsys.readouterr().out) == description
    assert main([*words, ""]) == 2
    assert "2 keys start with ''" in capsys.readouterr().err


def test_verify_passes_a_sound_store(two_keys, tmp_path, capsys):
    assert main(["embeddings", "verify", "--store", str(tmp_path / "store")]) == 0
    assert capsys.readouterr().out.count("  sound\n") == 2


@pytest.mark.parametrize("where", [4, 100, -20])
def test_verify_finds_a_flipped_byte(where, two_keys, tmp_path, capsys):
    (shard,) = two_keys[0].glob("*.parquet")
    content = bytearray(shard.read_bytes())
    content[where] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(content)
    assert main(["embeddings", "verify", "--store", str(tmp_path / "store")]) == 2
    said = capsys.readouterr()
    assert f"{shard}: does not match its checksum" in said.err
    assert f"{two_keys[0].name}  1 faults" in said.out
    assert f"{two_keys[1].name}  sound" in said.out


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda row: row._replace(states=row.states * np.float16(np.nan)), "is not finite"),
        (lambda row: row._replace(states=row.states[1:]), "3 states for 4 spans"),
        (lambda row: row._replace(length=5), "spans do not tile 5 letters"),
        (lambda row: row._replace(spans=row.spans[[0, 2, 1, 3]]), "spans do not tile 4 letters"),
        (lambda row: row._replace(pooled=row.pooled + 0.1), "its mean is not the mean"),
    ],
)
def test_verify_finds_a_wrong_row(change, fault, tmp_path, description, made_up, capsys):
    with Writer(tmp_path, description) as writer:
        writer.add(made_up("GG"))
        writer.add(change(made_up("ACGT")))
    assert main(["embeddings", "verify", "--store", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"sequence {made_up('ACGT').sequence.hex()[:12]}: " in said
    assert fault in said
    assert said.count("sequence ") == 1


def test_verify_counts_whole_codons(tmp_path, description, made_up, capsys):
    row = made_up("ACGTACGT")
    codons = row.states[:2]
    spans = np.array([[0, 3], [3, 6]], np.int32)
    with Writer(tmp_path, description | {"resolution": "codon"}) as writer:
        writer.add(row._replace(states=codons, spans=spans, pooled=codons.mean(0, np.float32)))
    assert main(["embeddings", "verify", "--store", str(tmp_path)]) == 0


def test_gc_removes_only_what_no_receipt_names(two_keys, tmp_path, capsys):
    words = ["embeddings", "gc", "--store", str(tmp_path / "store")]
    words += ["--receipts", str(tmp_path / "receipt.json")]
    first, second = two_keys
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"{second.name}  0.0 MB  would go")
    assert first.exists() and second.exists()
    assert main([*words, "--delete"]) == 0
    assert capsys.readouterr().out == f"{second.name}  0.0 MB  removed\n"
    assert first.exists() and not second.exists()
    assert main(["embeddings", "verify", "--store", str(tmp_path / "store")]) == 0


def test_gc_leaves_a_key_that_is_being_written(two_keys, tmp_path, description, made_up, capsys):
    words = ["embeddings", "gc", "--store", str(tmp_path / "store"), "--delete"]
    words += ["--receipts", str(tmp_path / "receipt.json")]
    with Writer(tmp_path / "store", description | {"layer": 1}) as writer:
        writer.add(made_up("ACGT"))
        assert main(words) == 0
    assert "kept: a job writes to it" in capsys.readouterr().out
    assert len(list(two_keys[1].glob("*.parquet"))) == 1


def test_gc_and_the_others_name_what_is_not_theirs(two_keys, tmp_path, capsys):
    other = tmp_path / "other.json"
    other.write_text("{}")
    words = ["embeddings", "gc", "--store", str(tmp_path / "store"), "--receipts", str(other)]
    assert main(words) == 2
    assert "other.json: not a receipt" in capsys.readouterr().err
    for command in ("inspect", "verify"):
        assert main(["embeddings", command, "--store", str(tmp_path / "none")]) == 2
        assert "none: no embeddings here" in capsys.readouterr().err


def test_an_unreadable_store_is_one_line(two_keys, tmp_path, capsys):
    (shard,) = two_keys[0].glob("*.parquet")
    shard.chmod(0o644)
    shard.write_bytes(shard.read_bytes()[:-20])
    assert main(["embeddings", "inspect", "--store", str(tmp_path / "store")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"seqfuse embeddings inspect: error: {shard}: truncated or corrupt shard ("
    )
    assert f"verify --store {tmp_path / 'store'} --set-aside`" in line
