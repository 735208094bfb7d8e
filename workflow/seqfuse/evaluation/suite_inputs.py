"""Read what a suite's evaluation needs, and refuse files that do not belong together."""

from dataclasses import dataclass, replace
from pathlib import Path

from seqfuse import labels
from seqfuse.errors import UserError
from seqfuse.evaluation.answers import Answers, read_answers
from seqfuse.evaluation.gold import Gold, read_gold
from seqfuse.files import read_json
from seqfuse.registry.metrics import MEAN, UNALTERED


@dataclass(frozen=True)
class Method:
    """A trained method as cost.json describes it: its kind, its seeds and its size."""

    name: str
    kind: str
    seeds: tuple[int, ...]
    trained_parameters: int


def read_golds(
    study: str,
    datasets: list[str],
    paths: list[Path],
    clustered: list[Path],
    aliases: dict[str, dict[str, str]],
    validation_rows: int | None,
) -> dict[str, Gold]:
    """The scored records of each dataset, by name, with its `aliases` {other name: label}."""
    for flag, files in (("records", paths), ("clusters", clustered)):
        if len(datasets) != len(files):
            raise UserError(
                f"--{flag}: {len(files)} files for {len(datasets)} datasets; give one each, in "
                "order"
            )
    if len(set(datasets)) < len(datasets) or MEAN in datasets:
        raise UserError(
            f"--datasets: {', '.join(datasets)}: names must differ, and {MEAN!r} is reserved"
        )
    unknown = next((name for name in aliases if name not in datasets), None)
    if unknown is not None:
        raise UserError(f"--aliases: {unknown!r} is not one of the datasets {', '.join(datasets)}")
    golds = {}
    for name, path, cluster_path in zip(datasets, paths, clustered, strict=True):
        gold = read_gold(path, cluster_path, name, study, validation_rows=validation_rows)
        label_of = labels.by_alias(name, gold.classes, aliases.get(name, {}))
        golds[name] = replace(gold, aliases=label_of)
    return golds


def read_costs(study: str, suites: list[str], paths: list[Path]) -> dict[str, Method]:
    """The trained methods, by name, from the cost.json files of `suites`.

    There are several suites if one set is split with several seeds: a method is then trained once
    per split, and each split is a suite.
    """
    methods: dict[str, Method] = {}
    for path in paths:
        cost = read_json(path)
        try:
            if cost["study"] != study or cost["suite"] not in suites:
                raise UserError(
                    f"{path}: the cost of suite {cost['suite']!r} ({cost['study']}), "
                    f"not of {' or '.join(map(repr, suites))} ({study})"
                )
            method = Method(
                name=cost["method"],
                kind=cost["kind"],
                seeds=tuple(seed["seed"] for seed in cost["seeds"]),
                trained_parameters=max(seed["trained_parameters"] for seed in cost["seeds"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: not a cost.json that training writes ({error!r})") from None
        before = methods.get(method.name, method)
        size = max(before.trained_parameters, method.trained_parameters)
        seeds = tuple(sorted({*before.seeds, *method.seeds}))
        methods[method.name] = replace(method, seeds=seeds, trained_parameters=size)
    return methods


def read_predictions(
    paths: list[Path], golds: dict[str, Gold], methods: dict[str, Method]
) -> list[Answers]:
    """Every answer of every table.

    A trained method without predictions for one of its seeds and datasets is refused, and so is a
    method that two tables hold.
    """
    answers: dict[tuple, Answers] = {}
    for path in paths:
        for answer in read_answers(path, golds):
            key = (answer.dataset, answer.method, answer.seed, answer.probe)
            if key in answers:
                raise UserError(
                    f"{path}: {answer.method}, seed {answer.seed}, {answer.dataset} is in another "
                    "table of predictions too; give each method once"
                )
            answers[key] = answer
    if not answers:
        raise UserError(f"{', '.join(map(str, paths))}: no predictions to score")
    for method in methods.values():
        for seed in method.seeds:
            for dataset in golds:
                if (dataset, method.name, seed, "none") not in answers:
                    raise UserError(
                        f"{method.name} was trained with seed {seed}, but no table holds its "
                        f"predictions for {dataset}; predict again"
                    )
    return list(answers.values())


def read_probes(
    paths: list[Path], golds: dict[str, Gold], methods: dict[str, Method]
) -> list[Answers]:
    """Every probe of every table, with the unaltered answers of the same checkpoint.

    A table holds a method's answers on some rows, unaltered (probe "none") and under each probe.
    All methods of a dataset must be probed on the same rows, so that they can be compared.
    """
    probes: dict[tuple, Answers] = {}
    for path in paths:
        in_table = list(read_answers(path, golds, sampled=True))
        plain = {(a.dataset, a.method, a.seed): a for a in in_table if a.probe == "none"}
        for answer in in_table:
            key = (answer.dataset, answer.method, answer.seed)
            who = checked_source(path, answer, methods)
            if key not in plain:
                raise UserError(f"{who}: no unaltered answers beside the probes; probe it again")
            _refuse_other_rows(answer, plain[key], who)
            earlier = next((a for k, a in probes.items() if k[0] == answer.dataset), answer)
            _refuse_other_rows(answer, earlier, who)
            probe = UNALTERED if answer.probe == "none" else answer.probe
            if (*key, probe) in probes:
                raise UserError(f"{who}: its probes are in another table too; give each once")
            unaltered = None if probe == UNALTERED else plain[key].predicted
            probes[*key, probe] = replace(answer, probe=probe, unaltered=unaltered)
    return [probes[key] for key in sorted(probes)]


def checked_source(path: Path, answer: Answers, methods: dict[str, Method]) -> str:
    """Where an answer is from, for messages; one of a training without a cost.json is refused."""
    who = f"{path}: {answer.method}, seed {answer.seed}, {answer.dataset}"
    if answer.method not in methods or answer.seed not in methods[answer.method].seeds:
        raise UserError(f"{who}: no cost.json describes its training; give it by --costs")
    return who


def _refuse_other_rows(one: Answers, other: Answers, who: str) -> None:
    if (one.present != other.present).any():
        raise UserError(
            f"{who}: {one.probe!r} covers other rows than {other.probe!r} of {other.method}, seed "
            f"{other.seed}; probe every method of a suite on the same rows"
        )
