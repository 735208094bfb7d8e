"""Fine-tune one method on one suite, with one seed after another.

Reads the cleaned records of the suite's datasets, a backbone's folder, and what the method needs:
a receipt of the embedding store for each dataset, SeqCLIP's pre-training, an encoder to train.
Writes a folder for each seed, seed<N>/: a language model that transformers loads, the method's own
tensors, method.json, a model card, cost.json, log.jsonl. The learning rate comes from
--learning-rate, or from the file that `seqfuse language rate` wrote. An interrupted run resumes
from --state to the same numbers.

    seqfuse language finetune --suite variants --method onevocab --datasets demo-variants \\
        --records results/demo/sequences/demo-variants/records.parquet \\
        --backbone results/demo/data/models/demo-qwen3 --seeds 0 1 \\
        --state results/demo/state/language/variants/onevocab \\
        --out results/demo/language/variants/onevocab/model
"""

import argparse
from dataclasses import replace
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.files import read_json
from seqfuse.registry.methods import METHODS, OWN_SETTINGS
from seqfuse.settings import cli_flags, schema
from seqfuse.training.distributed import launch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--suite", required=True, metavar="NAME", help="name of the suite")
    parser.add_argument(
        "--method", required=True, choices=METHODS, metavar="NAME", help=", ".join(METHODS)
    )
    parser.add_argument(
        "--name", metavar="NAME", help="its name in the tables (default: the method's name)"
    )
    parser.add_argument(
        "--datasets", required=True, nargs="+", metavar="NAME", help="the suite's datasets"
    )
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )
    parser.add_argument("--backbone", required=True, type=Path, help="folder of a language model")
    parser.add_argument(
        "--embeddings",
        nargs="+",
        type=Path,
        metavar="RECEIPT",
        help="receipts of the datasets' embeddings, in order, for methods that read them",
    )
    parser.add_argument(
        "--pretrained", type=Path, metavar="DIR", help="folder of `seqfuse language pretrain`"
    )
    parser.add_argument(
        "--encoder",
        type=Path,
        metavar="PATH",
        help="DNA encoder, or checkpoint of a codon fusion, for methods that train it",
    )
    parser.add_argument(
        "--cards", nargs="+", type=Path, metavar="CARD", help="card.json of the datasets"
    )
    parser.add_argument("--seeds", required=True, type=int, nargs="+", metavar="N")
    parser.add_argument(
        "--rate", type=Path, metavar="FILE", help="read the learning rate from this rate.json"
    )
    launch.add_arguments(parser)
    parser.add_argument("--state", required=True, type=Path, help="folder to resume from")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    for section in ("prompt", "training", *OWN_SETTINGS):
        cli_flags.add(parser, f"language/{section}")


def run(args: argparse.Namespace) -> None:
    job = job_of(args)
    with launch.started(args.processes):
        job.run(args.out)


def job_of(args: argparse.Namespace):
    """The job that the arguments describe; `UserError` if the method lacks an input."""
    method = METHODS[args.method]
    if method.reads_store and not args.embeddings:
        raise UserError(
            f"method {method.name!r} reads encoder states: give --embeddings, one receipt per"
            " dataset"
        )
    if method.pretrained and not args.pretrained:
        raise UserError(
            f"method {method.name!r} starts from pre-training: give --pretrained, the --out of"
            " `seqfuse language pretrain`"
        )
    if method.trains_encoder and not args.encoder:
        raise UserError(f"method {method.name!r} trains an encoder: give --encoder, its folder")

    import torch

    from seqfuse.language import prompts
    from seqfuse.language.finetuning import finetuning_job
    from seqfuse.training import trainer

    torch.set_num_threads(args.threads)
    training = cli_flags.take(args, trainer.Training)
    own = schema.section(f"language/{method.name}") if method.name in OWN_SETTINGS else {}
    return finetuning_job.Job(
        method=method,
        name=args.name or method.name,
        suite=args.suite,
        datasets=tuple(args.datasets),
        records=tuple(args.records),
        backbone=args.backbone,
        receipts=tuple(args.embeddings or ()) if method.reads_store else (),
        pretrained=args.pretrained if method.pretrained else None,
        encoder=args.encoder if method.trains_encoder else None,
        prompt=cli_flags.take(args, prompts.Settings),
        training=replace(training, learning_rate=_rate(args, training.learning_rate)),
        settings={name: getattr(args, name) for name in own},
        seeds=tuple(args.seeds),
        state=args.state,
        cards=tuple(args.cards or ()),
        tensorboard=args.tensorboard,
    )


def _rate(args: argparse.Namespace, configured: float | tuple[float, ...]) -> float:
    if args.rate:
        chosen = read_json(args.rate)
        if "learning_rate" not in chosen:
            raise UserError(f"{args.rate}: no 'learning_rate' in it; give a rate.json")
        return chosen["learning_rate"]
    rates = configured if isinstance(configured, tuple) else (configured,)
    if len(rates) > 1:
        raise UserError(
            "--learning-rate: give one; to choose among several, use `seqfuse language trial` for"
            " each and then `seqfuse language rate`"
        )
    return rates[0]
