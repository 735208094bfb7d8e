"""A draft of the config.yaml entry for a user's file, judged by its columns."""

from collections.abc import Mapping, Sequence

from seqfuse.bio.splits import SPLITS
from seqfuse.data.looking import oddities
from seqfuse.data.looking.columns import (
    CALLED,
    CHAT,
    CODING,
    ID,
    LABEL,
    NUMBER,
    SEQUENCES,
    SPLIT,
    TEXT,
    Column,
)

# Columns that VCF and annotation files always have, which are not labels or values.
_GIVEN = {
    *("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER"),
    *("transcript", "gene", "locus_tag", "product", "protein_id"),
    *("transl_table", "partial", "record", "location"),
}


def roles(columns: Sequence[Column]) -> dict[str, str]:
    """Field -> column, guessed from what the columns look like."""
    looks = {
        column.name: column.looks_like
        for column in columns
        if column.looks_like in SEQUENCES or (column.distinct > 1 and column.name not in _GIVEN)
    }

    def first(*kinds: str) -> list[str]:
        return [name for name, kind in looks.items() if kind in kinds]

    sequences, labels, numbers = first(*SEQUENCES), first(LABEL), first(NUMBER)
    candidates = {
        "sequence": sequences[:1],
        "variant": sequences[1:2],
        "id": [column.name for column in columns if column.looks_like == ID],
        "split": first(SPLIT),
        "exchanges": first(CHAT),
    }
    column_of = {field: names[0] for field, names in candidates.items() if names}
    coding = bool(sequences) and looks[sequences[0]] == CODING and len(sequences) == 1
    if numbers and (coding or not labels):
        column_of["value"] = numbers[-1]
    elif labels:
        column_of["label"] = labels[-1]
    questions = [name for name in first(TEXT, LABEL, ID) if name.casefold() == "question"]
    column_of |= {"question": questions[0]} if questions else {}
    return column_of


def _genetic_code(column: Column) -> dict:
    """The `cleaning` key for coding sequences, if most have another code or codes are mixed."""
    codes = [value for value, _ in column.values.most_common()]
    code = codes[0] if codes and column.filled > column.empty else "1"
    cleaning: dict = {} if code == "1" or not code.isdecimal() else {"genetic_code": int(code)}
    if {*codes} - {code}:
        cleaning["other_genetic_code"] = "drop"
    return {"cleaning": cleaning} if cleaning else {}


def _spelt(column: Column, study: str) -> dict[str, str]:
    """What each label of a file is to be called, if some are spelt in two ways, or are numbers that
    a language model is to answer with."""
    by_form = oddities.alike(column)
    is_number = any(value.strip().isdecimal() for value in column.values)
    if len(by_form) == column.distinct and not (is_number and study == "language"):
        return {}
    return {value: values[0].strip() for _, values in sorted(by_form.items()) for value in values}


def draft(name: str, item: Mapping, columns: Sequence[Column]) -> tuple[dict, list[str]]:
    """The configuration to paste, and what remains to be filled in."""
    column_of, known = roles(columns), {column.name: column for column in columns}
    target = next((field for field in ("value", "label") if field in column_of), None)
    if target and "id" in column_of and not {"sequence", "exchanges"} & column_of.keys():
        joined = {"path": item["files"][0]["path"], "on": column_of["id"]}
        missing = ["DNA: put this into the entry of the file that has the sequences"]
        return {"join": joined, "columns": {target: column_of[target]}}, missing
    coding = "sequence" in column_of and known[column_of["sequence"]].looks_like == CODING
    study = "codons" if coding and "variant" not in column_of else "language"
    missing = []
    entry: dict = {"study": study, **item}
    renamed = {
        field: column for field, column in column_of.items() if field not in ("split", column)
    }
    if renamed:
        entry["columns"] = renamed
    if "split" in column_of:
        entry["split_column"] = column_of["split"]
        others = {
            value: CALLED.get(value.casefold(), value.casefold())
            for value in known[column_of["split"]].values
            if value not in SPLITS
        }
        entry |= {"splits": others} if others else {}
    if "label" in column_of and (spelt := _spelt(known[column_of["label"]], study)):
        entry["labels"] = spelt
        if any(label.isdecimal() for label in spelt.values()):
            missing.append("labels: what the classes are, in words, as in {'0': no, '1': yes}")
    if study == "codons" and "transl_table" in known:
        entry |= _genetic_code(known["transl_table"])
    if study == "language" and not {"question", "exchanges"} & column_of.keys():
        entry["question"] = "Which class is it?"
        missing.append("question: what is asked of each sequence")
    if "sequence" not in column_of:
        missing.append("a column of DNA: none was found")
    if not {"label", "value", "exchanges"} & column_of.keys():
        missing.append(
            "a label or a value of each sequence: a column, or join: {path: values.csv, on: id}"
        )
    elif study == "language" and "value" in column_of:
        missing.append(
            "a label, because study A answers in words; study B learns values of coding sequences"
        )
    whole = {"datasets": {name: entry}}
    if study == "codons":
        return {"studies": ["codons"], **whole, "codons": {"datasets": [name]}}, missing
    suites = {"language": {"suites": {"mine": [name]}}}
    return {"studies": ["language"], **whole, **suites}, missing
