"""Foreign text in the page, and mistakes in what it is made from."""

import json
import shutil

import pytest

from seqfuse import tables

ATTACKS = ("<script>alert(1)", "<img src=x onerror=alert(1)>", '"onmouseover="alert(1)', "a&b<c>d")


def complaint(capsys, status: int) -> str:
    assert status == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Traceback" not in said
    return said


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_from_files_stays_text(results, build, read, folded, tmp_path, attack):
    for name in ("data/demo-classes", "sequences/demo-classes"):
        shutil.copytree(results / name, tmp_path / name.replace("demo-classes", attack))
    shutil.copytree(results / "figures", tmp_path / "figures")
    card_path = tmp_path / "data" / attack / "card.json"
    card = json.loads(card_path.read_text()) | {"licence": attack, "citation": attack}
    card["files"][0]["path"] = attack
    card_path.write_text(json.dumps(card))
    audit_path = tmp_path / "sequences" / attack / "audit.json"
    audit = json.loads(audit_path.read_text()) | {"warnings": [attack], "rejected": {attack: 1}}
    audit_path.write_text(json.dumps(audit))
    for kind, schema in (("metrics", tables.METRICS), ("comparisons", tables.COMPARISONS)):
        rows = tables.read(
            results / "evaluation" / "language" / "variants" / f"{kind}.parquet", schema
        ).to_pylist()
        foreign = {"dataset": attack, "suite": attack}
        rows = [row | foreign for row in rows]
        rows += [row | {"method": attack} for row in rows[:1]]
        path = tmp_path / "evaluation" / "language" / "s" / f"{kind}.parquet"
        tables.write(path, tables.from_rows(rows, schema), schema)
    verdicts = tables.read(results / "judge" / "variants" / "linear.parquet", tables.VERDICTS)
    rows = [row | {"judge": attack, "dimension": attack} for row in verdicts.to_pylist()]
    path = tmp_path / "judge" / "s" / "linear.parquet"
    tables.write(path, tables.from_rows(rows, tables.VERDICTS), tables.VERDICTS)
    (tmp_path / "figures" / "verdict.csv").write_text(f"method\n'{attack.replace(chr(34), '')}'\n")
    settings = json.loads((results / "report" / "settings.json").read_text())
    settings |= {"preset": attack, "mirror": [attack]}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    assert build(tmp_path, tmp_path / "report.html", tmp_path / "settings.json") == 0

    page = read(tmp_path / "report.html")
    assert len(page.all("script")) == 1 and "alert" not in page.all("script")[0].raw
    handlers = [n for e in page.all("*") for n in e.attributes if n.startswith("on")]
    assert handlers == []
    assert all(i.attributes["src"].startswith("data:image/svg") for i in page.all("img"))
    shown = page.all("body")[0].text
    assert shown.count(attack) > 20
    assert any(attack in row["Dataset"]["t"] for row in folded(page, "scores"))
    assert page.by_id("warnings").all("a")[0].text == attack
    ids = {e.attributes.get("id") for e in page.all("*")}
    assert {a.attributes["href"][1:] for a in page.by_id("warnings").all("a")} <= ids


def test_a_run_without_results_is_a_page_that_says_so(results, build, read, tmp_path):
    settings = results / "report" / "settings.json"
    assert build(tmp_path, tmp_path / "report.html", settings) == 0
    text = read(tmp_path / "report.html").all("body")[0].text
    for said in ("No method was compared", "drew no figure", "No data card", "No cost was given"):
        assert said in text


@pytest.mark.parametrize("key", ["preset", "seeds", "studies", "language", "models", "evaluation"])
def test_half_a_configuration_is_named(capsys, results, build, tmp_path, key):
    settings = json.loads((results / "report" / "settings.json").read_text())
    del settings[key]
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    status = build(results, tmp_path / "report.html", tmp_path / "settings.json")
    said = complaint(capsys, status)
    assert "settings.json" in said and repr(key) in said
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("kind", "name", "content", "said"),
    [
        ("metrics", "absent.parquet", None, "absent.parquet: no such file"),
        ("metrics", "a.parquet", "text", "a.parquet: not a readable Parquet file"),
        ("cards", "card.json", "{", "card.json: not valid JSON"),
        ("cards", "card.json", "{}", "card.json: no 'licence' in it"),
        ("audits", "audit.json", "[]", "audit.json: no 'warnings' in it"),
        ("leakage", "leakage.json", "{}", "leakage.json: no 'datasets' in it"),
        ("pretrainings", "model.json", "{}", "model.json: no 'too_long' in it"),
        ("costs", "cost.json", "{}", "cost.json: not a cost.json"),
        ("figures", "pie.svg", "<svg/>", "pie.svg: no figure is called 'pie'"),
        ("figures", "verdict.svg", "text", "verdict.svg: not an SVG"),
        ("figures", "verdict.svg", None, "verdict.svg: no such file"),
    ],
)
def test_another_file_is_named(capsys, results, build, tmp_path, kind, name, content, said):
    if content is not None:
        (tmp_path / name).write_text(content)
    status = build(results, tmp_path / "report.html", **{kind: [tmp_path / name]})
    assert said in complaint(capsys, status)


def test_a_figure_without_its_table_is_named(capsys, results, build, tmp_path):
    shutil.copy(results / "figures" / "cost.svg", tmp_path)
    status = build(results, tmp_path / "report.html", figures=[tmp_path / "cost.svg"])
    assert "cost.csv: no such file" in complaint(capsys, status)
