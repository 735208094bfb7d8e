"""Which methods are judged, probed and looked at on which suites, as (suite, method) pairs."""

from seqfuse.plan.run import Run
from seqfuse.registry.judges import REFERENCES
from seqfuse.settings import datasets as entries


def judged(run: Run, ablations: bool = False) -> list[tuple[str, str]]:
    """Pairs whose reasoning is judged: methods that generate, and the judge's controls.

    With `ablations`, also the variants of the methods.
    """
    if not run.settings["language"]["prompt"]["reasoning"]:
        return []
    names = run.ablated("language") if ablations else run.runs("language")
    generating = [name for name in names if run.method(name).generates]
    return [
        (suite, name)
        for suite, datasets in run.language_suites.items()
        if any(entries.has_reasoning(run.settings["datasets"][name]) for name in datasets)
        for name in [*generating, *REFERENCES]
        if run.varies(name, suite)
    ]


def probed(run: Run) -> list[tuple[str, str]]:
    """Pairs that are asked again with altered DNA."""
    excluded = run.settings["language"]["probe"]["exclude_suites"]
    return [
        (suite, name)
        for suite in run.language_suites
        if suite not in excluded
        for name in run.runs("language")
        if run.method(name).sees_dna
    ]


def attended(run: Run) -> list[tuple[str, str]]:
    """Pairs whose attention to a variant is measured."""
    return [
        (suite, name)
        for suite in run.language_suites
        if run.settings["language"]["attention"]["rows"] and run.variant_sets(suite)
        for name in run.runs("language")
        if name == "onevocab"
    ]
