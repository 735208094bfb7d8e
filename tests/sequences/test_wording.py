"""Words that give a label away, counted by hand."""

from seqfuse.sequences import wording


def counted(rows) -> list[dict]:
    """What rows (split, question, label) say, in two batches."""
    words = wording.Words()
    for part in (rows[:7], rows[7:]):
        words.add(*zip(*part, strict=True))
    return words.telling()


def test_a_word_that_only_one_label_has_is_named_with_counts():
    rows = [("train", f"The gene G{n}: what of it?", "pathogenic") for n in range(39)]
    rows += [("train", "The gene G: what of it?", "benign")]
    rows += [("train", f"What of variant {n}?", "benign") for n in range(60)]
    rows += [("test", "The gene H?", "pathogenic")] * 5 + [("test", "What of it?", "benign")] * 6
    rows += [("test", None, "benign"), ("val", "The gene?", None)]
    told = {(one["word"], one["label"]): one["splits"] for one in counted(rows)}
    # 39 of 40; "what" and "of" are in all rows, and no other word in enough.
    assert told["gene", "pathogenic"]["train"] == {"rows": 40, "with_label": 39}
    assert told["gene", "pathogenic"]["test"] == {"rows": 5, "with_label": 5}
    assert {word for word, _ in told} == {"gene", "the", "it", "variant"}
    [line] = wording.warnings(counted(rows))
    assert "'gene' says 'pathogenic' (5 of 5 rows of test)" in line


def test_nothing_is_said_of_rare_words_or_of_what_most_rows_are():
    rows = [("train", f"gene {n}", "benign") for n in range(95)]
    rows += [("train", "rare", "other")] * 19
    assert counted(rows) == [] == wording.warnings([])
