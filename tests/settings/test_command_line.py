"""What a user writes is what is read, on the command line and in files; all mistakes at once."""

from types import SimpleNamespace

import pytest

from seqfuse.cli import main
from seqfuse.errors import UserError, told_as
from seqfuse.settings import configuration, sources
from seqfuse.settings.yaml_files import load_yaml


def typed(*words: str) -> dict:
    return sources.read_all([], words).settings


def resolve(*files, words=()) -> dict:
    written = sources.read_all(files, words)
    return configuration.resolve(written.settings, written.places, written.mistakes)


def refused(call, *arguments, **options) -> list[str]:
    with pytest.raises(UserError) as caught:
        call(*arguments, **options)
    return str(caught.value).splitlines()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file of the working folder; gives its path."""
    monkeypatch.chdir(tmp_path)

    def written(text: str, name: str = "config.yaml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return written


@pytest.mark.parametrize(
    ("word", "settings"),
    [
        ("seeds=3", {"seeds": 3}),
        ("seeds=[3,1]", {"seeds": [3, 1]}),
        ("run=3", {"run": "3"}),
        ("run=null", {"run": None}),
        ("run=", {"run": None}),
        ("run=a: b", {"run": "a: b"}),
        ("run='null'", {"run": "null"}),
        ("gpu=count: 3", {"gpu": {"count": 3}}),
        ("store=null", {"store": "null"}),
        ("studies=[codons]", {"studies": ["codons"]}),
        ("mirror=[010, no, 1e-3, ~/a b]", {"mirror": ["010", "no", "1e-3", "~/a b"]}),
        ("gpu={model: null, memory_gb: 1e1}", {"gpu": {"model": None, "memory_gb": 10.0}}),
        ("gpu={model: 'null', canary: no}", {"gpu": {"model": "null", "canary": False}}),
        ("gpu={count: 010}", {"gpu": {"count": 10}}),
        (
            "language={training: {steps: 2, learning_rate: [1e-3, 2]}, encoder: 5}",
            {"language": {"training": {"steps": 2, "learning_rate": [0.001, 2]}, "encoder": "5"}},
        ),
        # A method's settings of a suite are those of training.
        (
            "language={overrides: {linear: {steps: 2}}}",
            {"language": {"overrides": {"linear": {"steps": 2}}}},
        ),
        # What a variant may set depends on its method: as a file would be read.
        (
            "language={variants: {a: {method: onevocab, k: 3, b: float32}}}",
            {"language": {"variants": {"a": {"method": "onevocab", "k": 3, "b": "float32"}}}},
        ),
        (
            "datasets={a: {title: 5, rows: {test: 5}, labels: {no: 1, 0: yes}, coding: true}}",
            {"datasets": {"a": {"title": "5", "rows": {"test": 5}, "labels": {"no": 1, "0": "yes"},
                                "coding": True}}},
        ),
        ("models={a: {seed: 7, revision: null}}", {"models": {"a": {"seed": 7, "revision": None}}}),
        # What does not fit keeps what it says for the complaint.
        ("seeds=many", {"seeds": "many"}),
        ("seeds=0", {"seeds": 0}),
        ("mirror=[a", {"mirror": "[a"}),
    ],
)  # fmt: skip
def test_words_are_read_as_the_schema_wants_them(word, settings):
    found = typed(word)
    assert found == settings
    assert repr(found) == repr(settings)  # 1 is not True, 3 is not 3.0


def test_words_of_one_key_are_laid_over_each_other_and_over_files(write):
    file = write("seeds: [5]\ngpu: {count: 2, nodes: 3}\n")
    found = resolve(file, words=["gpu={nodes: 1}", "gpu={model: null}"])
    assert found["seeds"] == [5]
    assert [found["gpu"][key] for key in ("count", "nodes", "model")] == [2, 1, None]


def test_a_file_is_read_as_it_is_written(write):
    """Types come from the schema on the command line alone."""
    assert refused(resolve, write("seeds: ['3']\nmirror: [5]\n")) == [
        'config.yaml:1: seeds.0: \'3\' is not of type integer; YAML reads 3 as text, write 3',
        'config.yaml:2: mirror.0: YAML reads 5 as the number 5; write "5"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run: no", '1: run: YAML reads no as false; write "no"'),
        ("run: 1.10", '1: run: YAML reads 1.10 as the number 1.1; write "1.10"'),
        ("store: ~", '1: store: YAML reads ~ as null; write "~"'),
        ("run: 2026-01-02", '1: run: YAML reads 2026-01-02 as a date; write "2026-01-02"'),
        ("studies: [off]", '1: studies.0: YAML reads off as false; write "off"'),
        (
            "language:\n  training:\n    learning_rate: 1e-3",
            "3: language.training.learning_rate: '1e-3' is not of type array or number;"
            " YAML reads 1e-3 as text, write 1.0e-3",
        ),
        (
            "gpu: {memory_gb: 2.5E5}",
            "1: gpu.memory_gb: '2.5E5' is not of type number or null; YAML reads 2.5E5 as text,"
            " write 2.5e+5",
        ),
        (
            "seeds: 010",
            "1: seeds: YAML reads 010 as a number in base 8; write a number without leading zeros,"
            ' or "010" for the text',
        ),
        (
            "seeds: 1:30",
            "1: seeds: YAML reads 1:30 as a number in base 60; write a number without a colon,"
            ' or "1:30" for the text',
        ),
        ("gpu: {count: 3.0}", "1: gpu.count: 3.0 is not of type integer"),
        (
            "gpu:\n  count:",
            "2: gpu.count: empty, which YAML reads as null; it must be integer",
        ),
        ("seeds: 1\nrun: a\nseeds: 2", "3: seeds: is already written in line 1"),
        ("gpu: {count: 1, count: 2}", "1: gpu.count: is already written in line 1"),
        ("gpu:\n\tcount: 1", "2: a tab, which YAML does not allow; indent with spaces"),
        ("gpu: {count: 1", "2: not valid YAML: did not find expected ',' or '}' while parsing a"),
        ("{seeds: 1}\n---\n{}", "2: not valid YAML: but found another document"),
        ("? [a, b]\n: 1", "1: not valid YAML: found unhashable key"),
    ],
)
def test_what_yaml_makes_something_else_of_is_named_with_its_line(write, text, said):
    (line,) = refused(resolve, write(text))
    assert line.startswith(f"config.yaml:{said}")


@pytest.mark.parametrize(
    ("key", "read_as"),
    [
        *(("no", "a truth value"), ("Yes", "a truth value"), ("on", "a truth value")),
        *(("~", "null"), ("null", "null"), ("1e+3", None), ("0x1f", "a number")),
        *(("010", "a number"), ("1:30", "a number"), ("1.50", "a number"), ("12", None)),
        *(("2026-01-02", "a date"), ("0", None), ("'no'", None), ('"010"', None)),
    ],
)
def test_a_key_that_is_no_text_is_named_with_its_line(write, key, read_as):
    file = write(f"datasets:\n  a:\n    labels: {{{key}: b}}\n")
    written = sources.read_all([file])
    plain = key.strip("'\"")
    assert written.settings == {"datasets": {"a": {"labels": {plain: "b"}}}}
    said = f'YAML reads the name {plain} as {read_as}; write "{plain}"'
    said = f"config.yaml:3: datasets.a.labels.{plain}: {said}"
    assert written.mistakes == ([said] if read_as else [])


def test_labels_without_quotes(write):
    entry = "source: files, study: language, files: [{path: a.csv}]"
    text = f"datasets:\n  mine: {{{entry},\n    labels: {{no: benign, 1: no}}}}\n"
    said = [line.removeprefix("config.yaml:3: ") for line in refused(resolve, write(text))]
    assert said == [
        'dataset \'mine\': labels.1: YAML reads no as false; write "no"',
        'datasets.mine.labels.no: YAML reads the name no as a truth value; write "no"',
    ]  # fmt: skip


def test_truth_values_where_they_are_wanted_may_be_words(write):
    assert resolve(write("language: {prompt: {reasoning: no}}"))["language"]["prompt"][
        "reasoning"
    ] is False  # fmt: skip


def test_merge_keys_and_anchors_are_yaml_that_is_meant(write):
    text = "jobs: {light: &one {threads: 2, mem_mb: 900, runtime: 9}, gpu: {<<: *one, threads: 3}}"
    assert resolve(write(text))["jobs"]["gpu"] == {"threads": 3, "mem_mb": 900, "runtime": 9}


def test_catalogues_are_read_alike(write):
    path = write("a: {title: 010}\na: {}\n", "datasets.yaml")
    assert [line.split(": ")[0] for line in refused(load_yaml, path)] == [
        "datasets.yaml:1", "datasets.yaml:2",
    ]  # fmt: skip


def test_every_mistake_of_all_sources_is_told_at_once_in_order(write):
    first = write("sedes: 1\nlanguage:\n  prompt: {max_tokens: a}\n  training: {stepps: 1}\n")
    more = "datasets:\n  mine: {source: fils}\ngpu: {cont: 1, node: 2}\n"
    words = ["seeds=0", "language={prompt: {max_tokens: 3}}", "models={m: {kind: a, kind: b}}"]
    assert refused(resolve, first, write(more, "second.yaml"), words=words) == [
        "--config: language.prompt.max_tokens: 3 is less than the minimum of 16",
        "--config: model 'm': kind: 'b' is not allowed; known: folder, hub, scratch",
        "--config: model 'm': the key 'layout' is missing",
        "--config: models.m.kind: is written twice",
        "--config: seeds: 0 is less than the minimum of 1",
        "config.yaml:1: unknown key 'sedes'; did you mean 'seeds'?",
        "config.yaml:4: unknown key 'language.training.stepps'; did you mean 'steps'?",
        "second.yaml:2: dataset 'mine': source: 'fils' is not allowed; did you mean 'files'?",
        "second.yaml:2: dataset 'mine': the key 'study' is missing",
        "second.yaml:3: unknown key 'gpu.cont'; did you mean 'count'?",
        "second.yaml:3: unknown key 'gpu.node'; did you mean 'nodes'?",
    ]


def test_every_wrong_name_is_told_at_once(write):
    suites = "suites:\n    a:\n    - demo-splice\n    - ecoli\n    linear: [demo-splicee]\n"
    variants = "variants: {v: {method: onevocab, kk: 3}, w: {method: onevocb}}\n"
    text = f"language:\n  {suites}  {variants}codons: {{arms: [mill], overrides: {{mli: {{}}}}}}\n"
    assert refused(resolve, write(text), words=["language={encoder: demo-mt}"]) == [
        "--config: language.encoder: there is no model 'demo-mt'; did you mean 'demo-nt'?",
        "config.yaml:5: language.suites.a: dataset 'ecoli' is of study codons, not language;"
        " list it in codons.datasets",
        "config.yaml:6: language.suites.linear: there is no dataset 'demo-splicee'; did you mean"
        " 'demo-splice'?",
        "config.yaml:6: language.suites.linear: this is a method's name; choose another",
        "config.yaml:7: language.variants.v: unknown key 'kk'; did you mean 'k'?",
        "config.yaml:7: language.variants.w.method: there is no method 'onevocb'; did you mean"
        " 'onevocab'?",
        "config.yaml:8: codons.arms: there is no arm 'mill'; did you mean 'mil'?",
        "config.yaml:8: codons.overrides.mli: there is no arm 'mli'; did you mean 'mil'?",
    ]
    text = "datasets: {}\nlanguage:\n  suites: {a b: [demo-splice]}\nrun: a/b\n"
    assert [line.split(" cannot be")[0] for line in refused(resolve, write(text))] == [
        "config.yaml:3: language.suites: 'a b'", "config.yaml:4: run: 'a/b'",
    ]  # fmt: skip


def test_lines_are_in_the_order_of_numbers(write):
    text = "".join(f"key{line}: 1\n" for line in range(1, 12))
    found = [line.split(": ")[0] for line in refused(resolve, write(text))]
    assert found == [f"config.yaml:{line}" for line in range(1, 12)]


def test_what_lies_over_the_workflows_own_file(write):
    """`call` stands for Snakemake's `workflow.config_settings`."""
    own, other = write("seeds: 5\nrun: a\n"), write("seeds: 7\n", "other.yaml")

    def read(own, **changed):
        call = {"configfiles": [other], "config_args": ["gpu={count: 2}"]} | changed
        call.setdefault("replace_workflow_config", False)
        return sources.of_call(own, SimpleNamespace(**call)).settings

    assert read(own) == {"seeds": 7, "run": "a", "gpu": {"count": 2}}
    assert read(own, replace_workflow_config=True) == {"seeds": 7, "gpu": {"count": 2}}
    assert read(own.with_name("none.yaml")) == {"seeds": 7, "gpu": {"count": 2}}
    said = refused(read, own.with_name("none.yaml"), configfiles=[])
    assert said == ["none.yaml: No such file or directory"]


def test_a_file_with_nothing_in_it_is_an_empty_mapping(write):
    for text in ("", "# nothing", "---", "---\n# nothing"):
        assert sources.read_all([write(text)]).settings == {}
    for text in ("- a", "a", "[a]", "0"):
        (line,) = refused(sources.read_all, [write(text)])
        assert line == "config.yaml: expected `key: value` lines, not a list or a text"


def test_a_program_ends_with_every_mistake_and_no_traceback(capsys):
    with pytest.raises(SystemExit) as ended, told_as("configuration error"):
        raise UserError("a\nb")
    assert ended.value.code == "configuration error: a\nconfiguration error: b"
    words = ["data", "card", "--name", "x", "--entry", '{"a": 1, "b": 2}', "--source", "s"]
    assert main([*words, "--out", "o"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) > 1 and all("seqfuse data card: error: dataset 'x'" in line for line in said)
