"""The page: a template filled with findings, tables, figures and cards.

Everything stands in one file, and the page's own policy forbids to load anything else and to run
any script but the one below. All text is escaped by the template engine.
"""

import base64
import hashlib
import json

import jinja2

from seqfuse.registry.figures import STUDIES
from seqfuse.report import findings, grids
from seqfuse.report.inputs import Run
from seqfuse.report.style import SCRIPT, STYLE
from seqfuse.report.titles import title

_ROWS_OF_A_FIGURE = 200

_TEMPLATE = """\
{%- macro sources(numbers) -%}
<span class="sources">Source: {% for n in numbers -%}
<a href="#source-{{ n }}">{{ n }}</a>{{ ", " if not loop.last }}
{%- endfor %}</span>
{%- endmacro -%}

{%- macro grid(table) -%}
{% if table.closed -%}
<details><summary>{{ table.caption }} ({{ "{:,}".format(table.rows | length) }} rows)</summary>
{%- endif %}
<figure class="grid" id="{{ table.name | slug }}">
<figcaption>{{ table.caption if not table.closed }}
<span class="tools"><a download="{{ table.name | slug }}.csv" href="{{ table.csv }}">CSV</a>
{{ sources(table.sources) }}</span></figcaption>
<div class="scroll" tabindex="0" role="region" aria-label="{{ table.caption }}">
<table class="sortable">
<thead><tr>
{%- for column in table.columns %}<th scope="col">{{ column }}</th>{% endfor -%}
</tr></thead>
<tbody>
{%- for kind, cells in table.rows %}
<tr{% if kind == "control" %} class="control"{% endif %}>
{%- for cell in cells -%}
<td{% if cell.value is not none %} class="number" data-value="{{ cell.value | exact }}"{% endif %}>
{%- if cell.mark %}<span class="{{ cell.mark | slug }}">{{ cell.text }}</span>
{%- else %}{{ cell.text }}{% endif %}
{%- if cell.note %} <small>{{ cell.note }}</small>{% endif %}</td>
{%- endfor %}</tr>
{%- endfor %}
</tbody></table></div></figure>
{%- if table.closed %}</details>{% endif %}
{%- endmacro -%}

{%- macro facts(pairs) -%}
<dl>{% for name, text in pairs if text %}<dt>{{ name }}</dt><dd>{{ text }}</dd>{% endfor %}</dl>
{%- endmacro -%}

<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'; script-src 'sha256-{{ script_hash }}'; base-uri 'none'; \
form-action 'none'">
<title>seqfuse: {{ run.name }}</title>
<link rel="icon" href="data:,">
<style>{{ style | safe }}</style>
</head>
<body>
<a class="skip" href="#verdicts">Skip to the verdicts</a>
<header>
<h1>seqfuse: {{ run.name }}</h1>
<p>Preset {{ run.settings.preset }}; seeds {{ run.settings.seeds | join(", ") }}; \
seqfuse {{ packages.seqfuse }}, {{ "commit " ~ commit if commit else "not in a git checkout" }}; \
{{ run.metrics | length }} scores, {{ run.comparisons | length }} comparisons, \
{{ run.figures | length }} figures from {{ run.sources | length }} files.</p>
<p>{% if run.costs %}Training: {{ hours }} h over {{ run.costs | length }} runs.{% endif %}
{%- for line in paid %} {{ line }}{% endfor %}</p>
<nav aria-label="Sections"><ul>
{%- for anchor, text in sections %}<li><a href="#{{ anchor }}">{{ text }}</a></li>{% endfor -%}
</ul></nav>
</header>
<main>

{%- if scratch %}
<aside class="warning" role="note" id="scratch"><strong>Models with random weights: no evidence \
about the methods.</strong> {{ scratch | join(", ") }} start{{ "s" if scratch | length == 1 }} \
from random weights. No ranking below says anything about the methods at full scale.</aside>
{%- endif %}
{%- if warnings %}
<aside class="warning" role="note" id="warnings"><strong>Warnings about the data.</strong>
<ul>{% for name, text in warnings %}
<li><a href="#data-{{ name | slug }}">{{ name }}</a>: {{ text }}</li>{% endfor %}</ul></aside>
{%- endif %}

<section id="verdicts"><h2>Verdicts</h2>
{%- for finding in findings %}
<article class="verdict">
<h3>{{ finding.place.suite }}</h3>
<p class="sentence">{{ finding.sentence }}{% if scratch %} <span class="scratch">(Models with \
random weights: no evidence about the methods.)</span>{% endif %}</p>
<p class="where">{{ finding.where }}.</p>
<details><summary>Which method beats which control</summary><ul>
{%- for line in finding.lines %}
<li><strong>{{ line.score.method | title_of }}</strong> {{ (line.score | score).text }}
<small>{{ (line.score | score).note }}</small>
{%- if line.beaten %} beats {{ line.beaten | map("title_of") | join(", ") }}{% endif -%}
{%- if line.unbeaten %}{{ ";" if line.beaten }} does not beat {% for row in line.unbeaten -%}
{{ row.against | title_of }} ({{ row.verdict }}){{ ", " if not loop.last }}
{%- endfor %}{% endif -%}
{%- if not line.beaten and not line.unbeaten %}: no control to compare it with{% endif %}.</li>
{%- endfor %}
</ul></details>
</article>
{%- else %}
<p>No method was compared in this run.</p>
{%- endfor %}
<p class="note">A method beats another where their paired difference on the same test rows is \
beyond the noise: its p, after Holm's correction over all comparisons of the suite, is below \
{{ "%g" % (1 - confidence) }}. A method reads the sequence if it beats the text-only model and \
every look-up. Intervals are {{ "%g" % (100 * confidence) }} % bootstrap intervals over clusters \
of rows and over seeds.</p>
</section>

<section id="scores"><h2>Scores, with their controls</h2>
{%- for study, tables in rankings %}
<h3>{{ study }}</h3>
{%- if scratch %}<p class="scratch">Models with random weights: no evidence about the \
methods.</p>{% endif %}
{%- for table in tables %}{{ grid(table) }}{% endfor %}
{%- endfor %}
<h3>All numbers</h3>
{%- for table in everything %}{{ grid(table) }}{% endfor %}
</section>

<section id="comparisons"><h2>Comparisons</h2>
<p>Each method against each other method and against each control, on the same rows. Differences \
called inside the noise show nothing.</p>
{%- for table in comparisons %}{{ grid(table) }}{% endfor %}
</section>

{%- if published %}
<section id="published"><h2>Published values</h2>
<p>What the papers print, beside ours and never among them. A difference is ours less theirs. The \
note says what is not known of a published value: mostly the split, the average or the judge's \
prompts.</p>
{%- for table in published %}{{ grid(table) }}{% endfor %}
</section>
{%- endif %}

{%- if judged %}
<section id="judge"><h2>Judged reasoning</h2>
<p>Our prompts are not the paper's, which are not public. The judge named overlap counts shared \
words: it is no language model, and no published score stands beside it. Grey rows are controls: \
the text-only model, and reasoning that no model of this run wrote, taken from a training row with \
the same question, from one with the same label, or from another test row. At most what a method \
scores above all of them can come from reading the DNA. Intervals are 95 % bootstrap intervals \
over records.</p>
{%- for table in judged %}{{ grid(table) }}{% endfor %}
{%- for table in agreement %}{{ grid(table) }}{% endfor %}
{%- if prompts %}
<p class="note">Prompts by SHA-256: {% for dimension, hash in prompts %}{{ dimension }} \
<code>{{ hash[:12] }}</code>{{ ", " if not loop.last }}{% endfor %}.</p>
{%- endif %}
</section>
{%- endif %}

<section id="figures"><h2>Figures</h2>
{%- for drawing in run.figures %}
<figure class="picture" id="figure-{{ drawing.figure.name }}">
<h3>{{ drawing.figure.title }}</h3>
{%- if scratch and drawing.figure.ranks %}<p class="scratch">Models with random weights: no \
evidence about the methods.</p>{% endif %}
<div class="scroll" tabindex="0" role="region" aria-label="{{ drawing.figure.title }}">
<img src="{{ drawing.svg }}" style="width: {{ (1.9 * drawing.points) | round(0, "floor") }}px; \
max-width: max(100%, {{ (1.08 * drawing.points) | round(0, "floor") }}px)" \
alt="{{ drawing.figure.title }}. {{ drawing.figure.caption }} \
The numbers stand in the table below the picture."></div>
<figcaption>{{ drawing.figure.caption }}
<span class="tools"><a download="{{ drawing.figure.name }}.csv" href="{{ drawing.csv }}">CSV</a>
<a download="{{ drawing.figure.name }}.png" href="{{ drawing.png }}">PNG</a>
{{ sources([drawing.source]) }}</span></figcaption>
<details><summary>The numbers of this figure</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Numbers of {{ drawing.figure.title }}">
<table class="sortable"><thead><tr>
{%- for column in drawing.columns %}<th scope="col">{{ column | replace("_", " ") }}</th>\
{% endfor -%}
</tr></thead><tbody>
{%- for row in drawing.rows[:most] %}
<tr>{% for text in row %}<td>{{ text }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody></table></div>
{%- if drawing.rows | length > most %}<p>The first {{ most }} of \
{{ "{:,}".format(drawing.rows | length) }} rows; the CSV holds all.</p>{% endif %}
</details>
</figure>
{%- else %}<p>This run drew no figure.</p>
{%- endfor %}
</section>

<section id="data"><h2>Data</h2>
{%- for card in cards %}
<article class="card" id="data-{{ card.name | slug }}">
<h3>{{ card.name }}</h3>
{{ facts(card.facts) }}
{%- if card.warnings %}
<div class="warning"><strong>Audit</strong><ul>
{%- for text in card.warnings %}<li>{{ text }}</li>{% endfor %}</ul></div>
{%- endif %}
{%- if card.files %}
<details><summary>Files and checksums</summary><ul class="files">
{%- for file in card.files %}<li>{{ file.path }} <code>{{ file.sha256 }}</code>, held to \
{{ file.held_to }}</li>{% endfor %}</ul></details>
{%- endif %}
{{ sources(card.sources) }}
</article>
{%- else %}<p>No data card was given.</p>
{%- endfor %}
</section>

<section id="cost"><h2>Cost</h2>
{%- if run.costs %}<p>Training took {{ "%.1f" % (run.costs | sum("seconds") / 60) }} minutes in \
all, over {{ run.costs | length }} runs.</p>{{ grid(costs) }}
{%- else %}<p>No cost was given.</p>{% endif %}
</section>

<section id="left-out"><h2>What was not run</h2>
{%- if left_out %}<ul>{% for line in left_out %}<li>{{ line }}</li>{% endfor %}</ul>
{%- else %}<p>Nothing that the catalogues hold was left out.</p>{% endif %}
</section>

<section id="settings"><h2>Settings</h2>
<p>Versions in the environment of this report: {% for name, number in packages.items() -%}
{{ name }} {{ number }}{{ ", " if not loop.last }}{% endfor %}.</p>
<details><summary>The configuration of this run, presets and defaults filled in</summary>
<pre tabindex="0">{{ settings }}</pre></details>
</section>

<section id="sources"><h2>Where each number comes from</h2>
<p>The numbers behind the word Source point here. This makes one file again and prints its whole \
command: <code>snakemake --force --printshellcmds --cores all --config preset=\
{{ run.settings.preset }} run={{ run.name }} -- FILE</code>, with the run's own \
<code>--configfile</code> before <code>--</code> if it had one.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Sources"><table class="sources-table">
<thead><tr><th scope="col">Source</th><th scope="col">File</th><th scope="col">Made by</th>\
<th scope="col">SHA-256</th></tr></thead><tbody>
{%- for source in run.sources %}
<tr id="source-{{ source.number }}"><th scope="row">{{ source.number }}</th>\
<td><code>{{ source.path }}</code></td><td><code>{{ source.command }}</code></td>\
<td><code title="{{ source.sha256 }}">{{ source.sha256[:12] }}</code></td></tr>
{%- endfor %}
</tbody></table></div>
</section>
</main>
<script>{{ script | safe }}</script>
</body>
</html>
"""

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
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {"title_of": title, "slug": _slug, "exact": repr, "score": grids.score}
    results = findings.Results(run)
    judged, published = grids.judged(run), grids.published(run)
    absent = {name for name, found in (("judge", judged), ("published", published)) if not found}
    return environment.from_string(_TEMPLATE).render(
        run=run,
        packages=packages,
        commit=commit,
        hours=_hours(sum(row["seconds"] for row in run.costs)),
        paid=_paid(run),
        prompts=_prompts(run),
        style=STYLE,
        script=SCRIPT,
        script_hash=base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
        sections=[item for item in _SECTIONS.items() if item[0] not in absent],
        scratch=run.scratch(),
        warnings=[(n, text) for n, audit in run.audits.items() for text in audit["warnings"]],
        confidence=run.settings["evaluation"]["confidence"],
        findings=findings.findings(results),
        rankings=_by_study(results),
        everything=grids.everything(run),
        comparisons=grids.comparisons(run),
        judged=judged,
        agreement=grids.agreement(run),
        published=published,
        cards=[_card(run, name) for name in dict.fromkeys([*run.cards, *run.audits])],
        costs=grids.costs(run),
        left_out=grids.left_out(run),
        settings=json.dumps(run.settings, indent=2, sort_keys=True, ensure_ascii=False),
        most=_ROWS_OF_A_FIGURE,
    )


def _by_study(results: findings.Results) -> list[tuple[str, list[grids.Grid]]]:
    tables = grids.rankings(results)
    studies = [place.study for place in results.scores]
    return [
        (STUDIES[study], [table for table, of in zip(tables, studies, strict=True) if of == study])
        for study in dict.fromkeys(studies)
    ]


def _card(run: Run, name: str) -> dict:
    """What the page says of a dataset: its card and its audit, as far as they were given."""
    card, audit = run.cards.get(name, {}), run.audits.get(name, {})
    leaked = run.leakage.get(name, {})
    rows, splits = audit.get("rows"), audit.get("splits") or card.get("rows") or {}
    rejected, left_out = audit.get("rejected") or {}, card.get("left_out") or {}
    facts = [
        ("Title", card.get("title")),
        ("Licence", card.get("licence")),
        ("Citation", card.get("citation")),
        ("Source", card.get("source")),
        ("Task", card.get("task")),
        ("Rows", ", ".join(f"{split} {n:,}" for split, n in splits.items())),
        ("Classes", str(audit["classes"]) if audit.get("classes") else ""),
        ("Left out", "; ".join(f"{reason}: {n:,}" for reason, n in left_out.items())),
        ("Cleaning", _cleaning(rows) if rows else ""),
        ("Rejects", "; ".join(f"{reason}: {n:,}" for reason, n in rejected.items())),
        ("Coding", _coding(audit.get("coding"))),
        ("Look-ups", _lookups(audit.get("lookups") or {})),
        ("Seen in train", _seen(audit.get("duplicates"))),
        ("Near-duplicates in train", _near(audit.get("near_duplicates"))),
        ("Seen in SeqCLIP's pre-training", _leaked(leaked.get("splits") or {})),
    ]
    return {
        "name": name,
        "facts": facts,
        "warnings": audit.get("warnings", []),
        "files": card.get("files", []),
        "sources": [found["source_number"] for found in (card, audit) if "source_number" in found]
        + ([leaked["source"]] if leaked else []),
    }


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f}" if seconds < 360_000 else f"{seconds / 3600:,.0f}"


def _paid(run: Run) -> list[str]:
    """What each judge behind a server took, a sentence each; equal questions are asked once."""
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


def _leaked(splits: dict) -> str:
    parts = []
    for split, found in splits.items():
        kinds = {"gene": found["genes"], "DNA": found["dna"]}
        shared = [f"{n['rows']:,} by {kind}" for kind, n in kinds.items() if n is not None]
        parts.append(f"of {found['rows']:,} rows of {split} {', '.join(shared)}")
    return "; ".join(parts)


def _cleaning(rows: dict) -> str:
    return f"{rows['read']:,} read, {rows['kept']:,} kept, {rows['rejected']:,} rejected"


def _coding(coding: dict | None) -> str:
    if not coding:
        return ""
    said = "coding sequences" if coding["is_coding"] else "NOT coding sequences"
    return (
        f"{said}: {coding['share_start']:.1%} start with ATG, "
        f"{coding['share_internal_stop']:.1%} have a stop inside"
    )


def _lookups(lookups: dict) -> str:
    parts = []
    for split, scores in lookups.items():
        for name, found in (scores or {}).items():
            measure = "accuracy" if "accuracy" in found else "spearman"
            if found.get(measure) is not None:
                parts.append(f"{name} on {split} {found[measure]:.3f} ({measure})")
    return "; ".join(parts)


def _seen(duplicates: dict | None) -> str:
    seen = duplicates["dna"]["seen_in_train"] if duplicates else {}
    return "; ".join(f"{found['rows']:,} rows of {split}" for split, found in seen.items())


def _near(near: dict | None) -> str:
    found = near["in_train"] if near else {}
    return "; ".join(
        f"{one['near']:,} of {one['compared']:,} compared sequences of {split}"
        for split, one in found.items()
    )


def _slug(text: str) -> str:
    """Letters, digits and hyphens for an address within the page; other signs by their number."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else f".{ord(c)}" for c in text)
