"""Fill templates/page.html.j2 with a run's findings, tables, figures and cards.

The page is one file: style.css and script.js stand inside it, and its Content-Security-Policy
forbids loading anything else and running any other script. Jinja2 escapes all text.
"""

import base64
import hashlib
import re
from pathlib import Path

import jinja2
import yaml

from seqfuse.registry.figures import RANDOM_WEIGHTS, STUDIES
from seqfuse.report import cells, data_cards, findings, grids, scope
from seqfuse.report.inputs import Run
from seqfuse.report.results import Results
from seqfuse.report.titles import title

TEMPLATES = Path(__file__).with_name("templates")

_SECTIONS = {
    "verdicts": "Verdicts",
    "scores": "Scores",
    "comparisons": "Comparisons",
    "published": "Published",
    "judge": "Judge",
    "figures": "Figures",
    "data": "Data",
    "cost": "Cost",
    "left-out": "Not run",
    "settings": "Settings",
    "sources": "Sources",
}


def render(run: Run, packages: dict[str, str], commit: str) -> str:
    """The whole page as HTML; `packages` and `commit` say what it was made with."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "title_of": title,
        "slug": _slug,
        "stretches": _stretches,
        "unbroken": _unbroken,
        "exact": repr,
        "score": cells.score,
        "against": cells.against,
        "numbers": grids.numbers,
    }
    results = Results(run)
    seconds = sum(row["seconds"] for row in run.costs)
    unit = cells.unit(seconds)
    judged, published = grids.judged(run), grids.published(run)
    style = loader.get_source(environment, "style.css")[0]
    # The policy's hash covers all between the tags, the line break behind the first included.
    script = "\n" + loader.get_source(environment, "script.js")[0]
    absent = {name for name, tables in (("judge", judged), ("published", published)) if not tables}
    return environment.get_template("page.html.j2").render(
        run=run,
        packages=packages,
        commit=commit,
        trained=unit.of(seconds),
        unit=unit,
        paid=_paid(run),
        prompts=_prompts(run),
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        sections=[item for item in _SECTIONS.items() if item[0] not in absent],
        scratch=run.scratch(),
        warnings=[(n, text) for n, audit in run.audits.items() for text in audit["warnings"]]
        + findings.cut_answers(run),
        confidence=run.settings["evaluation"]["confidence"],
        findings=findings.findings(results),
        rankings=_by_study(run, results),
        everything=grids.everything(run),
        comparisons=grids.comparisons(run),
        judged=judged,
        agreement=grids.agreement(run),
        published=published,
        cards=[data_cards.card(run, name) for name in dict.fromkeys([*run.cards, *run.audits])],
        costs=grids.costs(run, unit),
        left_out=scope.left_out(run),
        settings=_as_yaml(run.settings),
        random_weights=RANDOM_WEIGHTS,
    )


def _as_yaml(settings: dict) -> str:
    """The configuration as a user writes it, in half the bytes of JSON."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(settings, Dumper=dumper, allow_unicode=True, width=100)


def _by_study(run: Run, results: Results) -> list[tuple[str, list[cells.Grid]]]:
    tables = grids.rankings(run, results)
    studies = [place.study for place in results.scores]
    return [
        (STUDIES[study], [table for table, of in zip(tables, studies, strict=True) if of == study])
        for study in dict.fromkeys(studies)
    ]


def _paid(run: Run) -> list[str]:
    """What each judge behind a server took, one sentence each; equal questions are asked once."""
    asked: dict[str, dict[str, dict]] = {}
    for row in run.verdicts:
        if row["prompt"]:
            asked.setdefault(row["judge"], {})[row["key"]] = row
    prices = run.settings.get("judge", {})
    lines = []
    for judge, verdicts in asked.items():
        read = sum(row["prompt_tokens"] or 0 for row in verdicts.values())
        said = sum(row["answer_tokens"] or 0 for row in verdicts.values())
        usd = (read * prices.get("input_price", 0) + said * prices.get("output_price", 0)) / 1e6
        cost = f", {usd:,.2f} USD at the configured prices" if usd else ""
        lines.append(
            f"Judge {judge}: {len(verdicts):,} verdicts, {read:,} prompt and {said:,} answer "
            f"tokens{cost}."
        )
    return lines


def _prompts(run: Run) -> list[tuple[str, str]]:
    """(dimension, hash) of the judges' prompts."""
    return sorted({(row["dimension"], row["prompt"]) for row in run.verdicts if row["prompt"]})


def _stretches(numbers: list[int]) -> list[tuple[int, int]]:
    """Sorted numbers as (first, last) of each run of neighbours."""
    stretches: list[tuple[int, int]] = []
    for number in numbers:
        if stretches and number == stretches[-1][1] + 1:
            stretches[-1] = stretches[-1][0], number
        else:
            stretches.append((number, number))
    return stretches


def _unbroken(text: str) -> str:
    """A text in which no line ends between a number and its sign, as in "n = 400" and "95 %"."""
    return re.sub(r"(?<=\d) (?=%)|(?<=n) (?== \d)|(?<=n =) (?=\d)", "\N{NO-BREAK SPACE}", text)


def _slug(text: str) -> str:
    """Letters, digits and hyphens for an address within the page; other signs by their number."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else f".{ord(c)}" for c in text)
