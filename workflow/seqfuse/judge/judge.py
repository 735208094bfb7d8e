"""Judge generated reasoning against the reference, 0 to 10 in three dimensions.

Reads a suite's cleaned records and one method's predictions. Writes one row a verdict. `overlap`
counts shared words: local, deterministic, no evidence of meaning. `openai` asks a model behind the
OpenAI API, or any compatible server (judge.base_url), with the prompts of resources/judge/ and the
key in the environment variable OPENAI_API_KEY; each verdict is stored under --store when it arrives
and is never asked twice. The judge is never told the method. A second model, the model
with the texts swapped, and its repeats are judges of their own in the table, and so is `overlap`,
which judges beside it; how far two judges agree is said in the log and shown in the report.
--dry-run says what a run would ask and cost, and asks nothing.

The methods `retrieval`, `same_label` and `shuffled` are controls that need no predictions: the
training record's reasoning for the same question, that of a training record with the same label,
and another test record's reference.

    seqfuse judge --suite variants --method onevocab --datasets demo-variants
        --records results/demo/sequences/demo-variants/records.parquet
        --predictions results/demo/language/variants/onevocab/predictions.parquet
        --store results/demo/state/judge --out results/demo/judge/variants/onevocab.parquet
"""

from pathlib import Path

from seqfuse.settings import cli_flags
from seqfuse.settings.sections import Section


class Settings(Section, path="judge"):
    """Who judges, how often, and what it may cost."""


def add_arguments(parser):
    """Add the flags of `seqfuse judge`."""
    parser.add_argument("--suite", required=True, help="name of the suite")
    parser.add_argument("--method", required=True, help="whose reasoning, or a control")
    parser.add_argument("--datasets", required=True, nargs="+", help="the suite's datasets")
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )
    parser.add_argument("--predictions", type=Path, help="the method's predictions")
    parser.add_argument("--store", required=True, type=Path, help="folder of paid verdicts")
    parser.add_argument("--out", required=True, type=Path, help="verdicts.parquet to write")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be asked; ask nothing"
    )
    cli_flags.add(parser, "judge")


def run(args):
    """Collect what is to be judged, get the verdicts that are not there yet, write them all."""
    from seqfuse import tables
    from seqfuse.judge import agreement, verdicts
    from seqfuse.progress import say

    settings = cli_flags.take(args, Settings)
    answers = verdicts.answers(
        args.method, args.datasets, args.records, args.predictions, settings.rows
    )
    name = f"{args.suite}.{args.method}"
    if args.dry_run:
        say(verdicts.estimate(answers, settings, args.store, name))
        return
    asks = settings.judge == "openai"
    rows = verdicts.by_server(answers, settings, args.store, name) if asks else []
    rows += verdicts.by_overlap(answers)
    for line in agreement.lines(rows):
        say(line)
    for status in ("ok", "refused", "malformed"):
        say(f"{status}: {sum(row['status'] == status for row in rows)} of {len(rows)} verdicts")
    tables.write(args.out, tables.from_rows(rows, tables.VERDICTS), tables.VERDICTS)
