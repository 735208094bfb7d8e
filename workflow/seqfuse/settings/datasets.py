"""One entry of the catalogue of datasets: validated against its schema, with defaults filled in.

Light on purpose: the Snakefile reads it without importing pandas or pyarrow.
"""

import copy
import functools
import re
from collections.abc import Mapping

from seqfuse.errors import UserError, nearest
from seqfuse.settings.schema import packaged, read_part, section
from seqfuse.settings.validation import hold
from seqfuse.settings.yaml_files import NOWHERE, Places

FIELDS = (
    *("id", "sequence", "variant", "question", "label", "value", "reasoning", "text", "group"),
    "transl_table",
    # Not fields of a record: the ends of its coding part, and the conversation with its question
    # and answer.
    *("cds_start", "cds_end", "exchanges"),
)
# The splits that NAME+SPLIT can name: (description, changed settings of `sequences`).
RESPLIT = {
    "deduplicated": ("without what train repeats", {"duplicates": "drop_across_splits"}),
    "rows": ("split at random, equal sequences apart", {"split_by": "rows"}),
    "random": ("split at random", {"split_by": "random"}),
    "group": ("no group in two splits", {"split_by": "group"}),
    "cluster": ("no cluster in two splits", {"split_by": "cluster"}),
    # The same split, with another answer.
    "stated": ("the variant is stated first", {"state_variant": True}),
}
_NEEDS = {
    "synthetic": ["generator"],
    "files": ["files"],
    "hub": ["hub"],
    "vcf": ["files", "genome"],
}
_OF_VARIANTS = ("window", "strand")


@functools.cache
def schema() -> dict:
    """The JSON schema of an entry; `cleaning` takes the settings of the section `sequences`."""
    entry = copy.deepcopy(packaged("datasets"))
    entry["properties"]["cleaning"]["properties"] = section("sequences")
    return entry


def validate(name: str, entry: Mapping, places: Places = NOWHERE) -> dict:
    """The entry `name` with its defaults.

    Raises `UserError` with a line for each mistake; an unknown key comes with the nearest spelling.
    """
    entry = copy.deepcopy(dict(entry))
    hold(entry, schema(), f"dataset {name!r}", places, ("datasets", name))
    for needed in _NEEDS[entry["source"]]:
        if needed not in entry and "proprietary" not in entry:
            raise UserError(f"dataset {name!r}: source {entry['source']} needs the key {needed!r}")
    for key in _OF_VARIANTS if entry["source"] != "vcf" else ():
        if key in entry:
            raise UserError(f"dataset {name!r}: {key} is a key of `source: vcf` alone; remove it")
    if entry.get("cds") and entry["study"] == "codons":
        raise UserError(f"dataset {name!r}: sequences of `study: codons` are coding; remove cds")
    if entry.get("frame") and not entry.get("cds"):
        raise UserError(
            f"dataset {name!r}: frame is the start of the first codon; it needs `cds: true`"
        )
    for key in ("group_pattern", "text_pattern", "label_pattern"):
        if key in entry:
            _check_pattern(name, key, entry[key])
    if entry.get("padded") and not has_variants(entry):
        raise UserError(
            f"dataset {name!r}: padded is about variants, and the entry names none; name their"
            " column (columns: {variant: ...}), or remove it"
        )
    for pattern, replacement in entry.get("anonymise", {}).items():
        _check_replacement(name, pattern, replacement)
    entry["labels"] = {key: str(value) for key, value in entry.get("labels", {}).items()}
    entry["only"] = {key: [*map(str, values)] for key, values in entry.get("only", {}).items()}
    derived = {"task": _task(entry), "coding": _is_coding(entry)}
    return _defaults(name) | derived | entry


def split_anew(name: str, entries: Mapping, split: str) -> dict:
    """The entry `name` with another split, and without `rows`, which count the source's own split.

    Raises `UserError` for an unknown split.
    """
    if split not in RESPLIT:
        raise UserError(f"dataset {name}+{split}: no split {split!r}{nearest(split, RESPLIT)}")
    words, changed = RESPLIT[split]
    entry = {key: value for key, value in entries[name].items() if key != "rows"}
    title = f"{entry.get('title', name)}, {words}"
    return entry | {"title": title, "cleaning": entry.get("cleaning", {}) | changed}


def base(name: str) -> str:
    """The entry that NAME or NAME+SPLIT is read from."""
    first, plus, split = name.rpartition("+")
    return first if plus and split in RESPLIT else name


def splits(name: str, seeds: int) -> list[str]:
    """The datasets that a codon set stands for: itself, or one per seed (NAME+SPLIT.0, ...) if it
    is split with several."""
    split = name.rpartition("+")[2]
    seeded = "+" in name and "split_by" in RESPLIT.get(split, ("", {}))[1]
    return [f"{name}.{number}" for number in range(seeds)] if seeded and seeds > 1 else [name]


def with_split_seed(entry: Mapping, seed: int) -> dict:
    """The entry of a set that is split anew, with this seed."""
    title = f"{entry['title']}, split seed {seed}"
    return dict(entry) | {"title": title, "cleaning": entry["cleaning"] | {"split_seed": seed}}


def cleaning(entry: Mapping, settings: Mapping) -> dict:
    """The settings of `sequences` for a dataset: the configuration's, then the entry's own."""
    return dict(settings) | dict(entry.get("cleaning", {}))


def of_records(entry: Mapping) -> dict:
    """The part of an entry that the records depend on."""
    part = read_part("data_records", entry, packaged("datasets"))
    # A checksum identifies a file wherever it comes from.
    for item in part.get("files", []):
        if item.get("sha256") not in (None, "unverified"):
            item.pop("url", None)
            item.pop("hub_path", None)
    return part


def of_card(entry: Mapping) -> dict:
    """The part of an entry that its card repeats or derives facts from."""
    return read_part("data_card", entry, packaged("datasets"))


def described(name: str, entry: Mapping) -> dict:
    """What the card says about a set, from its entry or from that part of it."""
    hold(entry, schema() | {"required": ["study"]}, f"dataset {name!r}")
    said = {key: entry.get(key) for key in ("title", "licence", "citation")}
    coding = {"expected": entry.get("coding", _is_coding(entry))}
    return said | {"title": entry.get("title", name), "coding": coding}


def has_reasoning(entry: Mapping) -> bool:
    """Whether an entry has reference reasoning that a judge can compare with."""
    return bool(entry.get("columns", {}).get("reasoning")) or entry.get("generator") == "variants"


def joined_on(entry: Mapping) -> tuple[str, str]:
    """The columns that `join` matches: that of the files, and that of the table."""
    on = entry["join"]["on"]
    return (on, on) if isinstance(on, str) else next(iter(on.items()))


def has_variants(entry: Mapping) -> bool:
    """Whether an entry has a variant sequence beside the reference."""
    named = bool(entry.get("columns", {}).get("variant"))
    drawn = entry.get("generator") in ("variants", "effects", "coding-variants")
    return named or drawn or entry.get("source") == "vcf"


def _defaults(name: str) -> dict:
    values = {"title": name, "columns": {}, "splits": {}}
    for key, rule in schema()["properties"].items():
        if "default" in rule:
            values[key] = copy.deepcopy(rule["default"])
    return values


def _task(entry: Mapping) -> str:
    if entry["study"] == "pairs":
        return "pairs"
    named = entry.get("columns", {})
    regression = entry["study"] == "codons" and not named.get("label")
    return "regression" if regression else "classification"


def _is_coding(entry: Mapping) -> bool:
    return entry["study"] == "codons" or bool(entry.get("cds"))


def _check_pattern(name: str, key: str, pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise UserError(f"dataset {name!r}: {key} {pattern!r}: {error}") from None
    if groups < 1:
        raise UserError(
            f"dataset {name!r}: {key} {pattern!r} has no (group); put the part that names the "
            f"{key.removesuffix('_pattern')} in parentheses"
        )


def _check_replacement(name: str, pattern: str, replacement: str) -> None:
    try:
        re.sub(pattern, replacement, "")  # parses both, whether or not anything matches
    except (re.error, IndexError) as error:
        raise UserError(f"dataset {name!r}: anonymise {pattern!r}: {error}") from None
