"""Lay out everything that a run found as one HTML file, which opens without a network.

Reads what the stages wrote, one flag per kind; beside each figure's SVG its CSV must lie, and
settings.json is the resolved configuration. Writes one file: no script, style, font or image of it
is loaded from elsewhere. Same inputs, same code, same bytes.

    seqfuse report --run demo --settings results/demo/report/settings.json \\
        --metrics results/demo/evaluation/*/*/metrics.parquet \\
        --comparisons results/demo/evaluation/*/*/comparisons.parquet \\
        --figures results/demo/figures/*.svg --out report.html
"""

import argparse
from pathlib import Path

KINDS = {
    "metrics": "metrics.parquet of each suite",
    "comparisons": "comparisons.parquet of each suite",
    "audits": "audit.json of each dataset",
    "cards": "card.json of each dataset",
    "costs": "cost.json of each trained method",
    "verdicts": "the judge's verdicts.parquet of each method",
    "leakage": "leakage.json of what encoders were trained on",
    "pretrainings": "model.json of SeqCLIP's pre-training",
    "figures": "the SVG of each figure",
    "accepted": "accepted.json, which `seqfuse accept` writes",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run's name, its files by kind, and the page to write."""
    parser.add_argument("--run", dest="name", required=True, help="name of the run")
    for kind, meaning in KINDS.items():
        parser.add_argument(
            f"--{kind}", nargs="+", type=Path, default=[], metavar="FILE", help=meaning
        )
    parser.add_argument("--settings", type=Path, required=True, help="the resolved configuration")
    parser.add_argument("--out", required=True, type=Path, help="the HTML file to write")


def run(args: argparse.Namespace) -> None:
    """Read the run, write the page, and print each verdict in a line or two."""
    from seqfuse import files
    from seqfuse.report import findings, inputs, page, scope
    from seqfuse.report.results import Results
    from seqfuse.settings.paths import commit

    made = inputs.read(args.name, args.settings, {kind: getattr(args, kind) for kind in KINDS})
    with files.atomic(args.out) as temporary:
        temporary.write_text(page.render(made, scope.packages(), commit()), encoding="utf-8")
    for line in findings.lines(findings.findings(Results(made))):
        print(line)
