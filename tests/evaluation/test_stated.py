"""The line that states the variant, field by field: what is planted is scored, what is not is 0."""

from seqfuse.settings import configuration


def scored(suite, says) -> dict[str, float]:
    """The shares of each field, of answers about 12 substitutions at places 1 to 12."""
    rows = [
        {"label": "ab"[i % 2], "variant": "ACGT", "reasoning": f"G>T at {i + 1}\nIt binds."}
        for i in range(12)
    ]
    suite.dataset("data", rows)
    said = [
        {"id": f"r{i}", "predicted": "a", "mode": "own"}
        | {"text": f"{says(i)}\nIt binds.\n</think>\n\nAnswer: a"}
        for i in range(12)
    ]
    suite.predict("linear", said)
    suite.predict("majority", [{"id": f"r{i}", "predicted": "a"} for i in range(12)])
    suite.train("linear")
    assert suite.run() == 0
    found = suite.metrics()["value"]["data", "test", "all", "linear", "none"]
    fields = ("reference", "alternate", "position")
    assert (
        "stated_position" not in suite.metrics()["value"]["data", "test", "all", "majority", "none"]
    )
    return [found[f"stated_{field}"] for field in fields]


def test_planted_lines_are_scored_by_field(suite):
    assert scored(suite, lambda i: f"G>T at {i + 1}") == [1.0, 1.0, 1.0]


def test_planted_half_of_the_places_are_right(suite):
    assert scored(suite, lambda i: f"G>C at {i + 1 if i % 2 else 99}") == [1.0, 0.0, 0.5]


def test_planted_nothing_is_right_where_no_line_is_stated(suite):
    assert scored(suite, lambda i: "It is G>T at some place") == [0.0, 0.0, 0.0]


def test_a_suite_of_the_same_set_with_the_line():
    suites = {"plain": ["demo-variants"], "stated": ["demo-variants+stated"]}
    settings = configuration.resolve({"preset": "demo", "language": {"suites": suites}})
    entry = settings["datasets"]["demo-variants+stated"]
    assert entry["cleaning"] == {"state_variant": True}
    assert entry["title"] == "Demo variants, the variant is stated first"
