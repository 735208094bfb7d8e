"""Pack what a run's scores are computed from into one file, for anyone who wants to check them.

Reads a finished run. Writes a zip with the predictions of every method and control, the gold
labels, clusters, costs and verdicts, the reported tables and the CSV of each figure, the
configuration with its seeds, package versions, and the SHA-256 of every file. The sequences,
questions and reasoning of the data are left out; a sequence is replaced by its hash, which only
shows whether two are equal. The same run gives the same bytes.

`seqfuse rescore` computes the numbers again from this file alone.

    seqfuse archive demo --out demo.zip
"""

import argparse
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

# Kinds of files in the archive; a figure that needs no other kind can be drawn again.
TABLES = ("metrics", "comparisons", "calibration")
HELD = (*TABLES, "costs", "verdicts", "clusters", "settings")
MANIFEST = "archive.json"
_NAMED = ("seqfuse", "numpy", "scipy", "pyarrow", "pandas", "torch", "transformers", "snakemake")
# The fields of a record that the evaluation reads, stored unchanged or as a hash.
_PLAIN, _HASHED = ("id", "split", "label", "value", "subset"), ("sequence", "variant")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help="name of a run, or its folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="zip to write (default: RUN.zip)")


def run(args: argparse.Namespace) -> None:
    import tempfile

    from seqfuse import files
    from seqfuse.plan import folders
    from seqfuse.progress import say

    folder = folders.of_run(args.name)
    out = args.out or Path(f"{folder.name}.zip")
    with tempfile.TemporaryDirectory() as temporary:
        archive = _Archive(folder, Path(temporary))
        archive.fill()
        with files.atomic(out) as made:
            archive.pack(made)
    say(f"{out}: {len(archive.members)} files, {out.stat().st_size / 1e6:.1f} MB")


class _Archive:
    """The members of an archive by name, and its manifest, which describes them."""

    def __init__(self, folder: Path, temporary: Path):
        from seqfuse import files
        from seqfuse.plan.artifacts import Artifacts
        from seqfuse.plan.run import Run

        self.folder, self.temporary = folder, temporary
        self.settings = files.read_json(folder / "report" / "settings.json")
        self.plan = Run(self.settings)
        self.artifacts = Artifacts(self.plan)
        self.members: dict[str, Path] = {}
        self.manifest: dict = {}

    def fill(self) -> None:
        """Collect every member."""
        from seqfuse.settings.paths import commit

        parts = [
            (study, suite, ablations)
            for study in self.settings["studies"]
            for ablations in (False, True)
            for suite in self.plan.suites(study)
            if not ablations or self._there("metrics", study, suite, ablations)
        ]
        self._take(["<results>/report/settings.json"])
        evaluations = [self._evaluation(*part) for part in parts]
        figures, left_out = [], []
        for study, ablations in dict.fromkeys((study, ablations) for study, _, ablations in parts):
            for figure in self._figures(study, ablations):
                (figures if set(figure["needs"]) <= set(HELD) else left_out).append(figure)
        self.manifest = {
            "run": self.settings["run"],
            "preset": self.settings["preset"],
            "seeds": self.settings["seeds"],
            "commit": commit(),
            "versions": {name: version for name in _NAMED if (version := _version(name))},
            "evaluations": evaluations,
            "figures": [figure | {"csv": self._csv(figure)} for figure in figures],
            "left_out": [figure["figure"] for figure in left_out],
        }

    def pack(self, out: Path) -> None:
        """Write the zip: members sorted by name, all with the same date."""
        import json
        import zipfile

        from seqfuse import files

        hashes = {name: files.sha256(path) for name, path in sorted(self.members.items())}
        self.manifest["files"] = hashes
        text = json.dumps(self.manifest, indent=1, ensure_ascii=False)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(MANIFEST), text)
            for name in hashes:
                with archive.open(zipfile.ZipInfo(name), "w") as member:
                    member.write(self.members[name].read_bytes())

    def _evaluation(self, study: str, suite: str, ablations: bool) -> dict:
        """The evaluation of one suite: its inputs, its settings and the tables that it wrote."""
        datasets = self.plan.suites(study)[suite]
        records = [f"<results>/sequences/{name}/records.parquet" for name in datasets]
        clusters = [f"<results>/sequences/{name}/clusters.parquet" for name in datasets]

        def paths(kind: str) -> list[str]:
            return self.artifacts.paths(kind, study, suite, ablations)

        folds = paths("folds") if ablations and study == "language" else []
        return {
            "study": study,
            "suite": suite,
            "datasets": datasets,
            "records": [self._without_data(path) for path in records],
            "clusters": self._take(clusters),
            "predictions": self._take(paths("controls") + paths("predictions")),
            "costs": self._take(paths("costs")),
            "probes": [] if ablations else self._take(paths("probes")),
            "conflicts": [] if ablations else self._take(paths("conflicts")),
            "folds": self._take(folds),
            "aliases": self.plan.aliases(datasets),
            "resplit": self.plan.resplit(study, suite),
            "settings": self.plan.scoring(study),
            "reported": {kind: self._take(paths(kind))[0] for kind in TABLES},
        }

    def _figures(self, study: str, ablations: bool) -> Iterator[dict]:
        """The figures of a study, with the files of each kind that the archive holds."""
        from seqfuse.registry.figures import FIGURES

        for path in self.artifacts.paths("figures", study, None, ablations):
            needs = FIGURES[Path(path).stem].needs
            yield {
                "figure": Path(path).stem,
                "csv": str(Path(path).with_suffix(".csv")),
                "confidence": self.settings["evaluation"]["confidence"],
                "needs": {
                    kind: self._take(self.artifacts.paths(kind, study, None, ablations))
                    for kind in needs
                    if kind in HELD
                }
                | {kind: [] for kind in needs if kind not in HELD},
            }

    def _csv(self, figure: dict) -> str:
        return self._take([figure["csv"]])[0]

    def _there(self, *scope) -> bool:
        """Whether the run has made all files of a kind."""
        return all(self._path(path).exists() for path in self.artifacts.paths(*scope))

    def _path(self, path: str) -> Path:
        return Path(path.replace("<results>", str(self.folder)))

    def _take(self, paths: list[str]) -> list[str]:
        """Add files of the run unchanged, and return the names of the members."""
        from seqfuse.errors import UserError

        for path in paths:
            if not self._path(path).is_file():
                raise UserError(f"{self._path(path)}: missing; finish the run with snakemake")
            self.members[_name(path)] = self._path(path)
        return [_name(path) for path in paths]

    def _without_data(self, path: str) -> str:
        """Add cleaned records as the evaluation reads them, with hashes in place of sequences."""
        import pyarrow as pa

        from seqfuse import files, tables

        made = self.temporary / _name(path)
        if _name(path) not in self.members:
            table = tables.read(self._path(path), tables.CLEAN)
            columns = {name: table[name] for name in _PLAIN}
            for name in _HASHED:
                values = table[name].to_pylist()
                hashed = [value and files.digest(value) for value in values]
                columns[name] = pa.array(hashed, pa.string())
            for field in tables.CLEAN:
                if field.name not in columns:
                    columns[field.name] = pa.nulls(len(table), field.type)
            tables.write(made, pa.table(columns), tables.CLEAN)
            self.members[_name(path)] = made
        return _name(path)


def _name(path: str) -> str:
    return path.removeprefix("<results>/")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
