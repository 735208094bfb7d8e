"""The report of a made-up run, and a small reader of HTML."""

import base64
import json
import zlib
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from seqfuse.cli import main
from seqfuse.registry.figures import FIGURES

PATTERNS = {
    "metrics": "evaluation/*/*/metrics.parquet",
    "comparisons": "evaluation/*/*/comparisons.parquet",
    "verdicts": "judge/*/*.parquet",
    "costs": "[lc]*/**/cost.json",
    "cards": "data/*/card.json",
    "audits": "sequences/*/audit.json",
    "leakage": "language/pretrain/leakage.json",
    "pretrainings": "language/pretrain/seqclip/model.json",
    "figures": "figures/*.svg",
}
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="504pt" height="90pt" viewBox="0 0 504 90">'
    '<rect width="504" height="90" fill="#eee"/></svg>'
)
VOID = {"meta", "link", "img", "br", "input"}


@pytest.fixture(scope="session")
def results(made_up, tmp_path_factory) -> Path:
    """The folder of the run; two of its figures are real, the others plain rectangles."""
    root = made_up.write(tmp_path_factory.mktemp("results"))
    folder = root / "figures"
    folder.mkdir()
    for name in FIGURES:
        (folder / f"{name}.svg").write_text(SVG)
        (folder / f"{name}.csv").write_text("method,value\nlinear,0.25\n")
    for name, study in (("verdict", "language"), ("fusion", "codons")):
        words = ["figures", "--figure", name, "--out", str(folder / name)]
        for need in ("metrics", "comparisons"):
            found = sorted(root.glob(f"evaluation/{study}/*/{need}.parquet"))
            words += [f"--{need}", *map(str, found)]
        assert main(words) == 0
    verdicts = map(str, sorted(root.glob("judge/*/*.parquet")))
    clusters = map(str, sorted(root.glob("sequences/*/clusters.parquet")))
    metrics = map(str, sorted(root.glob("evaluation/language/*/metrics.parquet")))
    assert main(["figures", "--figure", "judge", "--verdicts", *verdicts,
                 "--clusters", *clusters, "--metrics", *metrics, "--out",
                 str(folder / "judge")]) == 0  # fmt: skip
    return root


@pytest.fixture(scope="session")
def build():
    """Write the report of a folder by its command: (root, out, **other files by kind) -> status."""

    def run(root: Path, out: Path, settings: Path | None = None, **files: list[Path]) -> int:
        settings = settings or root / "report" / "settings.json"
        words = ["report", "--run", "made-up", "--settings", str(settings)]
        for kind, pattern in PATTERNS.items():
            found = [str(path) for path in files.get(kind, sorted(root.glob(pattern)))]
            words += [f"--{kind}", *found] if found else []
        return main([*words, "--out", str(out)])

    return run


@pytest.fixture(scope="session")
def report(results, build) -> Path:
    """The report of the made-up run."""
    assert build(results, results / "report.html") == 0
    return results / "report.html"


@dataclass
class Element:
    """A tag of a page with what it holds."""

    tag: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside, spaces as a browser shows them."""
        return " ".join(self._words().split())

    def _words(self) -> str:
        return "".join(c if isinstance(c, str) else c._words() for c in self.children)

    @property
    def raw(self) -> str:
        """All text inside as it stands."""
        return self._words()

    def all(self, tag: str, css: str = "") -> list["Element"]:
        """Elements of a tag (or "*") inside, of a class if given, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                fits = tag in ("*", child.tag)
                if fits and (not css or css in (child.attributes.get("class") or "").split()):
                    found.append(child)
                found += child.all(tag, css)
        return found

    def by_id(self, name: str) -> "Element":
        """The one element of an id."""
        (found,) = [e for e in self.all("*") if e.attributes.get("id") == name]
        return found


def unpack(part: Element) -> tuple[list[str], list[dict[str, dict]]]:
    """Columns and rows of a folded table as the page's script draws it: {column: cell}."""
    table = json.loads(zlib.decompress(base64.b64decode(part.attributes["data-packed"])))
    rows = [[c if isinstance(c, dict) else {"t": c} for c in cells] for _, *cells in table["rows"]]
    return table["columns"], [dict(zip(table["columns"], row, strict=True)) for row in rows]


@pytest.fixture(scope="session")
def folded():
    """Every row of the folded tables of a section or figure: (page, id) -> [{column: cell}]."""

    def rows(page: Element, name: str) -> list[dict[str, dict]]:
        return [
            row for part in page.by_id(name).all("details", "packed") for row in unpack(part)[1]
        ]

    return rows


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = [Element("page")]

    def handle_starttag(self, tag, attributes):
        element = Element(tag, dict(attributes))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        closed = self.open.pop()
        assert closed.tag == tag, f"</{tag}> closes <{closed.tag}>"

    def handle_data(self, data):
        self.open[-1].children.append(data)


@pytest.fixture(scope="session")
def read():
    """Read a page; a tag that is not closed in its turn is an error."""

    def parse(path: Path) -> Element:
        reader = _Reader()
        reader.feed(path.read_text(encoding="utf-8"))
        reader.close()
        (page,) = reader.open
        return page

    return parse


@pytest.fixture(scope="session")
def page(report, read) -> Element:
    """The page of the made-up run."""
    return read(report)
