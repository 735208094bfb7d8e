"""Judge generated reasoning against the reference, 0 to 10 in three dimensions.

Reads a suite's cleaned records and one method's predictions. Writes one row a verdict. `overlap`
counts the words shared with the reference, one score: local, deterministic, no evidence of meaning.
`openai` asks a model behind the OpenAI API, or any compatible server (judge.base_url), with the
prompts of resources/judge/ and the key in the environment variable OPENAI_API_KEY; each verdict is
stored under --store when it arrives and is never asked twice. The judge is never told the method. A
second model, the model with the texts swapped, and its repeats are judges of their own in the
table, and so is the word overlap, which stands beside them; how far two models agree is said in the
log and shown in the report. --dry-run says what this would ask and cost, and asks nothing; `seqfuse
price` does so for a whole run.

Of the test records, a draw is judged in which each label has its share; `judge.seed` draws others.

Controls need no predictions: `retrieval`, the reasoning of the training record with the same
question; `same_label`, that of one with the same label; `shuffled`, another test record's
reference; `padded`, the same with as many empty words, which shows what length alone is worth;
`ceiling`, the reference itself.

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
