"""Tokenisers: id for id as the references, spans that tile, decoding that inverts."""

import functools
import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqfuse import encoders
from seqfuse.encoders.models.tokenisers import EsmTokeniser, RnaFmTokeniser
from seqfuse.errors import UserError

ALPHABETS = {"ntv2": "ACGTN", "rnafm": "ACGURYKMSWBDHVN-", "esm2": "LAGVSERTIDPKQNFYMHWCXBUZO.-"}


@pytest.fixture(scope="module")
def tokenisers(goldens):
    return {
        "ntv2": EsmTokeniser.read(goldens["ntv2"].folder),
        "rnafm": RnaFmTokeniser(),
        "esm2": EsmTokeniser.read(goldens["esm2"].folder),
    }


def test_id_for_id(golden, tokenisers):
    cases = golden.facts["sequences"]
    assert len(cases) == {"ntv2": 218, "rnafm": 50, "esm2": 23}[golden.name]
    for sequence, ids in cases:
        tokens = tokenisers[golden.name].encode(sequence)
        assert tokens.ids.tolist() == ids, sequence
        assert tokens.ids.dtype == np.int64 and tokens.spans.dtype == np.int32
        assert tokens.special.dtype == bool and tokens.spans.shape == (len(ids), 2)


def test_pads_of_the_reference_are_the_pad_id(goldens, tokenisers):
    example = goldens["ntv2"].facts["padding"]
    tokeniser = tokenisers["ntv2"]
    for sequence, padded in zip(example["sequences"], example["input_ids"], strict=True):
        ids = tokeniser.encode(sequence).ids.tolist()
        assert ids + [tokeniser.pad] * (len(padded) - len(ids)) == padded


def test_nothing_is_cut(goldens, tokenisers):
    assert goldens["ntv2"].facts["truncation"]["ids_without_truncation"] == 2101
    assert len(tokenisers["ntv2"].encode("ATTCCG" * 2100).ids) == 2101


@functools.cache
def transformers_tokeniser(folder):
    from transformers import EsmTokenizer

    return EsmTokenizer.from_pretrained(folder)


@settings(max_examples=300)
@given(pieces=st.lists(st.sampled_from(["ATTCCG", "A", "CG", "TTT", "N", "n", "R", "<mask>", " "])))
def test_nt_equals_the_tokeniser_of_transformers(goldens, tokenisers, pieces):
    sequence = "".join(pieces)
    reference = transformers_tokeniser(goldens["ntv2"].folder)
    assert tokenisers["ntv2"].encode(sequence).ids.tolist() == reference(sequence)["input_ids"]


@pytest.mark.parametrize("name", ALPHABETS)
@settings(max_examples=200)
@given(data=st.data())
def test_spans_tile_the_sequence_and_decode_inverts(tokenisers, name, data):
    tokeniser = tokenisers[name]
    # DNA runs of 6 and more are otherwise rare between Ns.
    pieces = ["ACGTAC", "GGATTC", "N"] if name == "ntv2" else []
    letters = st.sampled_from([*ALPHABETS[name], *pieces])
    sequence = "".join(data.draw(st.lists(letters, max_size=60)))
    tokens = tokeniser.encode(sequence)
    inner = tokens.spans[~tokens.special]
    assert np.concatenate([[0], inner[:, 1]]).tolist() == [*inner[:, 0].tolist(), len(sequence)]
    assert (tokens.spans[tokens.special] == 0).all()
    for (start, end), token in zip(inner, tokens.ids[~tokens.special], strict=True):
        assert tokeniser.vocabulary[token] == sequence[start:end]
    assert tokeniser.decode(tokens.ids) == sequence


def test_spans_through_n_and_tail_by_hand(tokenisers):
    tokens = tokenisers["ntv2"].encode("ATTCCGANATTCCGAC")
    assert tokens.spans.tolist() == [
        [0, 0], [0, 6], [6, 7], [7, 8], [8, 14], [14, 15], [15, 16],
    ]  # fmt: skip
    assert tokens.special.tolist() == [True] + [False] * 6
    rna = tokenisers["rnafm"].encode("ACG")
    assert rna.spans.tolist() == [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0]]
    assert rna.special.tolist() == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("name", "sequence", "position", "letter"),
    [
        ("ntv2", "ATTCCGATTCCGRAC", 13, "R"),
        ("ntv2", "ATTCCGacATTCCG", 7, "ac"),
        ("rnafm", "ACGUT", 5, "T"),
        ("rnafm", "aCGU", 1, "a"),
        ("esm2", "MKTJ", 4, "J"),
        ("esm2", "MK*T", 3, "*"),
        ("esm2", "mktv", 1, "mktv"),
    ],
)
def test_a_foreign_letter_is_named(goldens, name, sequence, position, letter):
    encoder = encoders.load(goldens[name].folder)
    with pytest.raises(UserError) as error:
        encoder.tokenise(sequence)
    assert f"position {position} of the sequence: {letter!r}" in str(error.value)


@pytest.mark.parametrize(
    ("name", "unit", "most", "limit"),
    [("ntv2", "ATTCCG", 2047, 2048), ("rnafm", "A", 1022, 1024), ("esm2", "M", 1022, 1024)],
)
def test_the_limit_counts_special_tokens(goldens, name, unit, most, limit):
    encoder = encoders.load(goldens[name].folder)
    assert encoder.max_length == limit
    assert len(encoder.tokenise(unit * most).ids) == limit
    with pytest.raises(UserError, match=f"{limit + 1} tokens; .* takes at most {limit}"):
        encoder.tokenise(unit * (most + 1))


def test_the_published_files_may_allow_less(goldens, tmp_path):
    shutil.copytree(goldens["ntv2"].folder, tmp_path, dirs_exist_ok=True)
    settings = goldens["ntv2"].facts["tokenizer_config"] | {"model_max_length": 9}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    assert encoders.load(tmp_path).max_length == 9


def test_a_vocabulary_with_a_hole_is_refused(goldens, tmp_path):
    words = (goldens["ntv2"].folder / "vocab.txt").read_text().split("\n")
    words[100] = "NNNNNN"
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    with pytest.raises(UserError, match="vocab.txt: incomplete"):
        EsmTokeniser.read(tmp_path)
