"""README.md of a checkpoint folder: its use, data, configuration, metrics and licence."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seqfuse.files import canonical_json, read_json
from seqfuse.language.finetuning.checkpoint import Description
from seqfuse.language.prompts import Dna, Prompt
from seqfuse.registry.methods import METHODS

if TYPE_CHECKING:
    from seqfuse.language.methods.method import LanguageMethod

_ALONE = """
The folder is a language model that transformers loads, without this project's code:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer
model, tokeniser = AutoModelForCausalLM.from_pretrained("."), AutoTokenizer.from_pretrained(".")
prompt = {prompt!r}
ids = tokeniser(prompt, add_special_tokens=False, return_tensors="pt")
print(tokeniser.decode(model.generate(**ids, max_new_tokens=64)[0]))
```
"""
_ADAPTED = """
DNA enters as vectors that adapter.safetensors makes, so the model needs this project:

    seqfuse ask --model . --dna dna.fa --question "..."
"""
_SHOWN = """
It is then shown, with vectors in place of [reference] and [variant],
`{prompt!r}`.
"""
_REFERENCE, _VARIANT = "GATTACAGATTACAGATTACA", "GATTACAGATGACAGATTACA"
# The most labels of a dataset that a card lists.
_LABELS = 50


class Use(NamedTuple):
    """How to ask a method that answers in text: an example prompt, with DNA as text or placeholders
    for its vectors, and a description of the form of DNA."""

    prompt: str
    form: str

    @classmethod
    def of(cls, method: "LanguageMethod", description: Description) -> "Use":
        """The use of a trained method, with a reference and a variant; it reasons if it was trained
        to."""
        pair = {_REFERENCE: "[reference]", _VARIANT: "[variant]"}
        shown = tuple(map(Dna, pair)) if METHODS[description.method].sees_dna else ()
        thinks = bool(description.thinks)
        prompt = Prompt("", "", shown, "Question?", thinks, system=description.system)
        text = "".join(
            segment
            if isinstance(segment, str)
            else method.dna_as_text(segment.sequence) or pair[segment.sequence]
            for segment in method.chat.segments(prompt)
        )
        return cls(text, method.dna_form(_REFERENCE))


def write(
    folder: Path,
    description: Description,
    use: Use | None,
    backbone: Path,
    records: Mapping[str, Sequence[Mapping]],
    cards: Sequence[Mapping],
    configuration: Mapping,
    cost: Mapping,
    validation_loss: float,
) -> None:
    """Write the card of the checkpoint in `folder`.

    `use` says how to ask it, if it answers in text. `cards` are the datasets' card.json, `cost` is
    its entry in cost.json, `validation_loss` is in nats per answer token, at the best step.
    """
    base = read_json(backbone / "model.json") if (backbone / "model.json").is_file() else {}
    name = base.get("repository", base.get("name", backbone.name))
    title = METHODS[description.method].title
    sections = {
        "Use": _use(folder, use),
        "Labels": "\n" + "\n".join(_labels(description.labels)),
        "Data": "\n" + "\n".join(_data(records, cards)),
        "Configuration": "\n" + "\n".join(_configuration(name, base, configuration)),
        "Metrics": "\n" + "\n".join(_metrics(description.suite, cost, validation_loss)),
        "Licence": f"\n{_licence(name, base, cards)}",
    }
    head = f"---\nlibrary_name: transformers\nlicense: other\ntags: [dna]\n---\n\n# {title}"
    text = f"{head}: {description.name} on {description.suite}, seed {description.seed}\n"
    text += "".join(f"\n## {heading}\n{body.rstrip()}\n" for heading, body in sections.items())
    (folder / "README.md").write_text(text, encoding="utf-8")


def pretraining(folder: Path | None) -> dict:
    """SeqCLIP's pre-training in `folder`, if any: its seed, its pairs, how many were too long."""
    if folder is None:
        return {}
    facts = read_json(folder / "model.json")
    return {"pretraining": {key: facts[key] for key in ("seed", "pairs", "too_long")}}


def _use(folder: Path, use: Use | None) -> str:
    if use is None:
        return _ADAPTED
    if (folder / "adapter.safetensors").is_file():
        return _ADAPTED + _SHOWN.format(prompt=use.prompt)
    return _ALONE.format(prompt=use.prompt) + use.form


def _labels(known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield "The possible answers, after `Answer:`.\n"
    for name, labels in known.items():
        more = len(labels) - _LABELS
        tail = f", and {more} more, see method.json" if more > 0 else ""
        yield f"- {name}: {', '.join(labels[:_LABELS])}{tail}"


def _data(records: Mapping[str, Sequence[Mapping]], cards: Sequence[Mapping]) -> Iterator[str]:
    known = {card["name"]: card for card in cards}
    yield "| dataset | title | train | val | test | labels | licence | citation |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, rows in records.items():
        card, splits = known.get(name, {}), Counter(row["split"] for row in rows)
        labels = len({row["label"] for row in rows if row["split"] == "train"})
        counts = [splits[split] for split in ("train", "val", "test")]
        facts = [card.get(key, "not given") for key in ("licence", "citation")]
        cells = [name, card.get("title", name), *counts, labels, *facts]
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
    yield "\nTrained on train, selected on val; test was not used."


def _configuration(name: str, base: Mapping, configuration: Mapping) -> Iterator[str]:
    revision = f", revision {base['revision']}" if base.get("revision") else ""
    yield f"Backbone: {name}{revision}{', random weights' if base.get('scratch') else ''}.\n"
    yield "| setting | value |\n|---|---|"
    for key, value in configuration.items():
        yield f"| `{key}` | `{canonical_json(value)}` |"


def _metrics(suite: str, cost: Mapping, validation_loss: float) -> Iterator[str]:
    yield "| metric | value |\n|---|---|"
    yield f"| validation loss (nats per answer token) | {validation_loss:.4f} |"
    for key in ("best_step", "steps", "examples", "tokens"):
        yield f"| {key.replace('_', ' ')} | {cost[key]} |"
    yield f"| FLOP executed | {cost['flops']} |"
    for key in ("trained_parameters", "total_parameters"):
        yield f"| {key.replace('_', ' ')} | {cost[key]} |"
    yield "\nTest scores, with those of every control, are in the run that this model is from:"
    yield f"evaluation/language/{suite}/README.md, by `seqfuse evaluation`."


def _licence(name: str, base: Mapping, cards: Sequence[Mapping]) -> str:
    own = base.get("licence", "random weights" if base.get("scratch") else "see its source")
    data = "; ".join(f"{card['name']}: {card['licence']}" for card in cards) or "see their sources"
    return f"Bound by the licences of its sources. Backbone {name}: {own}. Data: {data}."
