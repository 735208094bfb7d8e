"""Questions about DNA from files of one's own: FASTA, or a table that may ask each its own."""

from collections.abc import Mapping
from pathlib import Path

from seqfuse.bio.reading.readers import Reader
from seqfuse.errors import UserError, nearest

FIELDS = ("id", "sequence", "variant", "question")


def read_dna(
    reference: Path, variant: Path | None, columns: Mapping[str, str] | None = None
) -> list[dict]:
    """{"id", "sequence", "variant"} of each record, and "question" where the file has a column of
    them; `variant` is None without a variant. `columns` names those that are called otherwise.

    Variants of a file of their own belong to the reference of their name; where either file holds
    one record, the two belong together whatever their names.
    """
    references = _read(reference, columns or {})
    if variant is None:
        return list(references.values())
    variants = {name: row["sequence"] for name, row in _read(variant, {}).items()}
    if len(references) == len(variants) == 1:
        variants = dict(zip(references, variants.values(), strict=True))
    alone = sorted(references.keys() ^ variants.keys())
    if alone:
        raise UserError(
            f"{variant}: record {alone[0]!r} stands in only one of {reference} and {variant}; give"
            " each variant the name of its reference"
        )
    return [row | {"variant": variants[name]} for name, row in references.items()]


def _read(path: Path, columns: Mapping[str, str]) -> dict[str, dict]:
    """The records of a file by name, their DNA as `seqfuse sequences` spells it."""
    reader = Reader(path)
    place = _places(path, reader.columns(), columns)
    found: dict[str, dict] = {}
    for number, row in enumerate(reader.rows(list(place.values())), start=1):
        cells = {field: row[column] for field, column in place.items()}
        name = str(cells["id"] or "") if "id" in place else f"row-{number}"
        if name in found:
            raise UserError(f"{path}: two records are called {name!r}; give each its own name")
        dna = _spelt(path, name, cells["sequence"])
        if not dna:
            raise UserError(f"{path}: record {name!r} has no sequence")
        found[name] = {"id": name, "sequence": dna, "variant": None}
        if cells.get("variant") is not None:
            found[name]["variant"] = _spelt(path, name, cells["variant"])
        if "question" in place:
            if not cells["question"]:
                raise UserError(f"{path}: record {name!r} has no question; give it one")
            found[name]["question"] = str(cells["question"])
    if not found:
        raise UserError(f"{path}: there is no record; give a file with sequences")
    return found


def _places(path: Path, header: list[str], columns: Mapping[str, str]) -> dict[str, str]:
    """The column of each field that a file has."""
    for field, column in columns.items():
        if field not in FIELDS:
            raise UserError(f"--columns: there is no field {field!r}; known: {', '.join(FIELDS)}")
        if column not in header:
            raise UserError(f"{path}: no column {column!r}{nearest(column, header)}")
    place = {field: field for field in FIELDS if field in header} | dict(columns)
    if "sequence" not in place:
        other = next((name for name in header if name not in FIELDS), "dna")
        raise UserError(
            f"{path}: no column 'sequence' among {', '.join(header)}; say which it is, as in"
            f" `--columns sequence={other}`"
        )
    return place


def _spelt(path: Path, name: str, dna: object) -> str:
    import pyarrow as pa

    from seqfuse.bio.normalise import first_foreign, normalise

    text = "" if dna is None else str(dna)
    spelt = normalise(pa.array([text]))
    if spelt.foreign[0]:
        raise UserError(
            f"{path}: record {name!r} holds {first_foreign(text)!r}, which is no nucleotide"
        )
    return spelt.letters[0].as_py()
