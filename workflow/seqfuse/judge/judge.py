"""Judge generated reasoning against the reference, 0 to 10 in three dimensions.

Reads a suite's cleaned records and one method's predictions. Writes one row per verdict. The judge
`overlap` counts the words shared with the reference: local, deterministic and blind to meaning.
`openai` asks a model behind the OpenAI API, or any compatible server (judge.base_url), with the
prompts of resources/judge/ and the key in the environment variable OPENAI_API_KEY. Each verdict is
stored under --store when it arrives, and no question is asked twice. The judge is never told the
method. A second model, the same model with the texts swapped, its repeats, and the word overlap are
further judges in the table; the log and the report state how well two judges agree. --dry-run
prints the number of requests and their cost, and asks nothing; `seqfuse price` does so for a whole
run.

The judged test records are drawn in proportion to their labels; `judge.seed` changes the draw.

Controls need no predictions: `retrieval` is the reasoning of the training record with the same
question; `same_label`, that of one with the same label; `shuffled`, another test record's
reference; `padded`, the same with as many empty words added, which shows the effect of length
alone; `ceiling`, the reference itself.

    seqfuse judge --suite variants --method onevocab --datasets demo-variants
        --records results/demo/sequences/demo-variants/records.parquet
        --predictions results/demo/language/variants/onevocab/predictions.parquet
        --store results/demo/state/judge --out results/demo/judge/variants/onevocab.parquet
"""

from pathlib import Path

from seqfuse.settings import cli_flags
from seqfuse.settings.sections import Section


class Settings(Section, path="judge"):
    """The judges, the number of judged records, and the budget."""


def add_arguments(parser):
    """Add the flags of `seqfuse judge`."""
    parser.add_argument("--suite", required=True, help="name of the suite")
    parser.add_argument("--method", required=True, help="a method, or one of the judge's controls")
    parser.add_argument("--datasets", required=True, nargs="+", help="the suite's datasets")
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )
    parser.add_argument("--predictions", type=Path, help="the method's predictions")
    parser.add_argument("--store", required=True, type=Path, help="folder of paid verdicts")
    parser.add_argument("--out", required=True, type=Path, help="verdicts.parquet to write")
    parser.add_argument(
        "--dry-run", action="store_true", help="print requests and cost; ask nothing"
    )
    cli_flags.add(parser, "judge")


def run(args):
    """Collect the answers, get the missing verdicts, write all verdicts."""
    from seqfuse import tables
    from seqfuse.judge import verdicts
    from seqfuse.progress import say
    from seqfuse.statistics.agreement import agreements

    settings = cli_flags.take(args, Settings)
    answers = verdicts.answers(
        args.method, args.datasets, args.records, args.predictions, settings.rows, settings.seed
    )
    name = f"{args.suite}.{args.method}"
    if args.dry_run:
        from seqfuse.judge import pricing

        for line in pricing.lines([(args, settings)], seeds=0):
            say(line)
        return
    asks = settings.judge == "openai"
    rows = verdicts.by_server(answers, settings, args.store, name) if asks else []
    rows += verdicts.by_overlap(answers)
    for agreement in agreements(rows):
        say(str(agreement))
    for status in ("ok", "refused", "malformed"):
        say(f"{status}: {sum(row['status'] == status for row in rows)} of {len(rows)} verdicts")
    tables.write(args.out, tables.from_rows(rows, tables.VERDICTS), tables.VERDICTS)
