"""A made-up run, and every figure drawn from it once."""

from pathlib import Path

import pytest

from seqfuse.cli import main
from seqfuse.registry.figures import FIGURES
from seqfuse.settings.cli_flags import flags

# Where a run keeps the files of each kind, by study.
PATTERNS = {
    "metrics": "evaluation/{study}/*/metrics.parquet",
    "comparisons": "evaluation/{study}/*/comparisons.parquet",
    "calibration": "evaluation/{study}/*/calibration.parquet",
    "looks": "language/*/onevocab/attention.parquet",
    "linear_probes": "language/*/*/linear_probes.parquet",
    "gaps": "language/*/*/gaps.parquet",
    "verdicts": "judge/*/*.parquet",
    "costs": "{study}/**/cost.json",
    "logs": "{study}/**/log.jsonl",
    "vectors": "language/*/*/[iv]*s.parquet",
    "answers": "language/variants/*/predictions.parquet",
    "clusters": "sequences/*/clusters.parquet",
    "references": "sequences/demo-variants/records.parquet",
    "settings": "report/settings.json",
    "predictions": "codons/*/*/predictions.parquet",
    "controls": "controls/{study}/*/predictions.parquet",
    "records": "sequences/demo-[ce]*/records.parquet",
    "weights": "codons/*/mil/weights.parquet",
    "knockouts": "codons/*/interpretation/knockout.parquet",
    "mutagenesis": "codons/*/interpretation/mutagenesis.parquet",
    "usage": "codons/*/interpretation/codons.parquet",
    "attention": "codons/*/interpretation/attention.parquet",
    "fused": "codons/*/interpretation/fused.parquet",
}

# Where the ablations keep theirs.
ABLATIONS = {
    "metrics": "ablations/{study}/*/metrics.parquet",
    "comparisons": "ablations/{study}/*/comparisons.parquet",
    "verdicts": "ablations/{study}/*/verdicts.parquet",
    "costs": "ablations/runs/*/cost.json",
    "weights": "codons/*/*/weights.parquet",
}


@pytest.fixture(scope="session")
def results(made_up, tmp_path_factory) -> Path:
    """The folder of the run."""
    return made_up.write(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def draw(results):
    """Draw a figure by the command that the rule writes, from the files of the run or from others:
    {need: [path]}."""

    def run(name: str, prefix: Path, confidence: float | None = None, **files: list[Path]) -> int:
        figure = FIGURES[name]
        words = ["figures", "--figure", name, "--out", str(prefix)]
        words += ["--confidence", str(confidence)] if confidence else []
        for need in figure.needs:
            patterns = PATTERNS | (ABLATIONS if figure.ablations else {})
            found = sorted(results.glob(patterns[need].format(study=figure.study)))
            words += flags({need: files.get(need, found)}).split()
        return main(words)

    return run


@pytest.fixture(scope="session")
def drawn(draw, results) -> Path:
    """The folder of all figures of the run."""
    for name in FIGURES:
        assert draw(name, results / "figures" / name) == 0, name
    return results / "figures"
