"""What the report is made from, read into plain rows, each with the file that it came from."""

import base64
import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqfuse import files, tables
from seqfuse.errors import UserError
from seqfuse.registry.figures import FIGURES, Figure
from seqfuse.settings import configuration

_SCHEMAS = {
    "metrics": tables.METRICS,
    "comparisons": tables.COMPARISONS,
    "verdicts": tables.VERDICTS,
}


# The key by which each kind of JSON file is recognised.
_NEEDED = {
    "cards": "licence",
    "audits": "warnings",
    "leakage": "datasets",
    "pretrainings": "too_long",
}


@dataclass(frozen=True)
class Source:
    """One result file: its number in the page, its checksum, and the command that writes it."""

    number: int
    path: str
    sha256: str
    command: str


@dataclass(frozen=True)
class Drawing:
    """A figure of the run: its catalogue entry, its SVG as a data URI, the rows of its CSV.

    `points` is its printed width.
    """

    figure: Figure
    svg: str
    points: float
    columns: list[str]
    rows: list[list[str]]
    source: int

    def records(self) -> list[dict[str, str]]:
        """The rows of the CSV by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass
class Run:
    """Everything that the report shows; a row's "source" is the number of a `Source`.

    `without_rows` are figures for which this run has nothing: they are named and not shown.
    """

    name: str
    settings: dict
    metrics: list[dict] = field(default_factory=list)
    comparisons: list[dict] = field(default_factory=list)
    verdicts: list[dict] = field(default_factory=list)
    audits: dict[str, dict] = field(default_factory=dict)
    cards: dict[str, dict] = field(default_factory=dict)
    costs: list[dict] = field(default_factory=list)
    leakage: dict[str, list[dict]] = field(default_factory=dict)
    pretraining: dict = field(default_factory=dict)
    figures: list[Drawing] = field(default_factory=list)
    without_rows: list[Drawing] = field(default_factory=list)
    accepted: list[dict] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)

    def drawing(self, name: str) -> Drawing | None:
        """A figure of the run by its name, if it was drawn."""
        return next((drawing for drawing in self.figures if drawing.figure.name == name), None)

    def scratch(self) -> list[str]:
        """The models of this run that start from random weights."""
        studies = self.settings["studies"]
        return sorted(
            {name for study in studies for name in configuration.scratch(self.settings, study)}
        )


def read(name: str, settings: Path, paths: Mapping[str, Sequence[Path]]) -> Run:
    """Read a run; raises a `UserError` that names a missing, cut or wrong file."""
    run = Run(name, files.read_json(settings))
    for key in ("preset", "seeds", "studies", "language", "codons", "models", "evaluation"):
        if key not in run.settings:
            raise UserError(f"{settings}: no {key!r} in it; is it a resolved configuration?")
    for kind, schema in _SCHEMAS.items():
        for path in paths[kind]:
            rows = tables.read(path, schema).to_pylist()
            number = _note(run, path, _COMMANDS[kind](path, rows))
            getattr(run, kind).extend(row | {"source": number} for row in rows)
    for path in paths["costs"]:
        _cost(run, path)
    for kind in ("cards", "audits"):
        for path in paths[kind]:
            facts = _checked(kind, path)
            getattr(run, kind)[path.parent.name] = facts
            facts["source_number"] = _note(run, path, _COMMANDS[kind](path, facts))
    for path in paths["pretrainings"]:
        pretraining = _checked("pretrainings", path)
        run.pretraining = pretraining | {"source": _note(run, path, "seqfuse language pretrain")}
    for path in paths["leakage"]:
        leakage = _checked("leakage", path)
        number = _note(run, path, "seqfuse language leakage")
        for name, splits in leakage["datasets"].items():
            audit = {"of": leakage["of"], "splits": splits, "source": number}
            run.leakage.setdefault(name, []).append(audit)
    for path in paths["accepted"]:
        number = _note(run, path, "seqfuse accept")
        run.accepted += [entry | {"source": number} for entry in files.read_json(path)["accepted"]]
    for path in paths["figures"]:
        drawing = _drawing(run, path)
        (run.figures if drawing.rows else run.without_rows).append(drawing)
    order = list(FIGURES)
    for drawings in (run.figures, run.without_rows):
        drawings.sort(key=lambda drawing: order.index(drawing.figure.name))
    _note(run, settings, "the configuration of the run, presets and defaults filled in")
    return run


def _checked(kind: str, path: Path) -> dict:
    """Read a JSON file of a kind, which is recognised by a key that it must have."""
    content = files.read_json(path)
    if _NEEDED[kind] not in content:
        raise UserError(f"{path}: no {_NEEDED[kind]!r} in it; was it meant for --{kind}?")
    return content


def _note(run: Run, path: Path, command: str) -> int:
    number = len(run.sources) + 1
    run.sources.append(Source(number, str(path), files.sha256(path), command))
    return number


def _evaluation(path: Path, rows: list[dict]) -> str:
    suite = f" --study {rows[0]['study']} --suite {rows[0]['suite']}" if rows else ""
    return f"seqfuse evaluation{suite}"


_COMMANDS = {
    "metrics": _evaluation,
    "comparisons": _evaluation,
    "verdicts": lambda path, _: (
        f"seqfuse judge --suite {path.parent.name} --method {path.name.removesuffix('.parquet')}"
    ),
    "cards": lambda path, _: f"seqfuse data records --name {path.parent.name}",
    "audits": lambda path, _: f"seqfuse sequences --out {path.parent}",
}


def _cost(run: Run, path: Path) -> None:
    cost = files.read_json(path)
    try:
        suite, method = cost["suite"], cost["method"]
        command = f"seqfuse language finetune --suite {suite} --method {method}"
        if cost["study"] == "codons":
            command = f"seqfuse codons train --dataset {suite} --arm {method}"
        owner = {key: cost[key] for key in ("study", "suite", "method", "kind")}
        owner["source"] = _note(run, path, command)
        run.costs += [owner | seed for seed in cost["seeds"]]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: not a cost.json that training writes ({error!r})") from None


def _drawing(run: Run, path: Path) -> Drawing:
    name = path.name.removesuffix(".svg")
    if name not in FIGURES:
        raise UserError(f"{path}: no figure is called {name!r}; known: {', '.join(FIGURES)}")
    svg = _bytes(path)
    width = re.search(rb'<svg [^>]*?width="([0-9.]+)pt"', svg[:4000])
    if not width:
        raise UserError(f"{path}: not an SVG; draw it again with seqfuse figures")
    content = _bytes(path.with_suffix(".csv"))
    columns, *rows = list(csv.reader(io.StringIO(content.decode("utf-8")))) or [[]]
    return Drawing(
        figure=FIGURES[name],
        svg=picture_uri(svg.decode("utf-8")),
        points=float(width[1]),
        columns=columns,
        rows=rows,
        source=_note(run, path, f"seqfuse figures --figure {name}"),
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; draw it again with seqfuse figures") from None


def data_uri(kind: str, content: bytes) -> str:
    """Content as a data URI, so that it is part of the page itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def picture_uri(svg: str) -> str:
    """An SVG as text that stands in an attribute between double quotes, a quarter shorter than in
    base64; no other sign of it ends the attribute or the address."""
    for sign in "%#&":
        svg = svg.replace(sign, f"%{ord(sign):02X}")
    one_quote = re.sub(r"<[^>']*>", lambda tag: tag[0].replace('"', "'"), svg)
    text = one_quote.replace('"', "%22").replace("\n", " ")
    return f"data:image/svg+xml;charset=utf-8,{text}"
