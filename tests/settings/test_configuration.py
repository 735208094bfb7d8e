"""The configuration: what is merged over what, and the one line a mistake is answered with."""

import re

import pytest
import yaml

from seqfuse.errors import UserError
from seqfuse.settings import configuration, schema


def test_user_lies_over_preset_over_defaults():
    settings = configuration.resolve({"preset": "demo", "evaluation": {"confidence": 0.9}})
    assert settings["evaluation"]["confidence"] == 0.9  # the user's
    assert settings["language"]["training"]["steps"] == 270  # the preset's
    assert settings["judge"]["model"] == "o3-mini"  # the schema's default


def test_seeds_are_counted_or_listed():
    assert configuration.resolve({"seeds": 3})["seeds"] == [0, 1, 2]
    assert configuration.resolve({"seeds": [7, 11]})["seeds"] == [7, 11]


def test_run_is_named_after_the_preset_unless_named():
    assert configuration.resolve({"preset": "demo"})["run"] == "demo"
    assert configuration.resolve({"preset": "demo", "run": "mine"})["run"] == "mine"
    own = {"source": "files", "study": "codons", "files": [{"path": "x.csv"}]}
    named = {"datasets": {"pilot": own}, "codons": {"datasets": ["pilot"]}}
    assert configuration.resolve(named)["run"] == "own-pilot", "not like another preset's"


def test_own_data_gets_a_run_of_its_own():
    own = {"study": "codons", "source": "files", "files": [{"path": "my.csv"}]}
    made = {"study": "codons", "source": "synthetic", "generator": "expression"}
    sets = {"datasets": {"made": made, "mine": own, "more": own}}

    def run(*names: str, **more) -> str:
        return configuration.resolve({**sets, "codons": {"datasets": [*names]}, **more})["run"]

    assert run("mine") == run("mine", preset="paper") == "mine"
    # What joins a run does not start another one.
    assert run("demo-expression", "mine") == run("more", "mine+cluster") == "mine"
    assert run("mine", run="other") == "other"
    assert run("made") == run("demo-expression") == "demo"
    assert run("mine", studies=["language"]) == "demo"
    # An entry of the catalogue is not one's own, whatever is changed of it.
    moved = {"mrfp": {"files": [{"path": "copy.csv"}]}}
    assert run("mrfp", datasets=moved) == "demo"


def test_the_users_suites_replace_the_presets():
    settings = configuration.resolve({"language": {"suites": {"one": ["demo-splice"]}}})
    assert settings["language"]["suites"] == {"one": ["demo-splice"]}


def test_a_dataset_of_ones_own_joins_the_catalogue():
    own = {"study": "codons", "source": "files", "files": [{"path": "my.csv"}]}
    settings = configuration.resolve({"datasets": {"mine": own}, "codons": {"datasets": ["mine"]}})
    assert settings["datasets"]["mine"] == own
    assert "demo-expression" in settings["datasets"]


def test_the_examples_that_are_to_be_copied_are_accepted(root):
    commented = (root / "config.yaml").read_text().partition("# datasets:")
    examples = [re.sub(r"(?m)^# ?", "", "".join(commented[1:]))]
    examples += re.findall(r"```yaml\n(.*?)```", (root / "README.md").read_text(), flags=re.DOTALL)
    examples += re.findall(
        r"```yaml\n(.*?)```", (root / "docs" / "usage.md").read_text(), flags=re.DOTALL
    )
    assert len(examples) == 4
    for example in examples:
        settings = yaml.safe_load(example)
        for name in settings.get("datasets", {}):
            assert name in configuration.resolve(settings)["datasets"]
        configuration.resolve(settings)


def test_a_set_may_be_named_with_another_split():
    settings = configuration.resolve({"codons": {"datasets": ["ecoli", "ecoli+cluster"]}})
    official, anew = (settings["datasets"][name] for name in settings["codons"]["datasets"])
    assert anew["cleaning"] == official["cleaning"] | {"split_by": "cluster"}
    assert anew["title"] == "E. coli expression, no cluster in two splits"
    assert anew["files"] == official["files"] and official["rows"]["test"] == 712
    # The paper's counts are of the official split.
    assert "rows" not in anew


def test_a_set_may_be_split_with_several_seeds():
    codons = {"datasets": ["ecoli", "ecoli+cluster", "ecoli+deduplicated"], "split_seeds": 2}
    settings = configuration.resolve({"codons": codons, "sequences": {"split_seed": 7}})
    whole, one, two = (settings["datasets"][f"ecoli+cluster{n}"] for n in ("", ".0", ".1"))
    assert one["cleaning"] == whole["cleaning"] | {"split_seed": 7}
    assert two["cleaning"] == whole["cleaning"] | {"split_seed": 8}
    assert two["title"] == whole["title"] + ", split seed 8"
    assert "ecoli.0" not in settings["datasets"]
    # What no seed makes is made once.
    assert "ecoli+deduplicated.0" not in settings["datasets"]


def test_random_encoders_are_hidden_where_the_encoders_are_random_anyway():
    arms = {"arms": ["dna", "concat_random"]}
    assert configuration.resolve({"codons": arms})["codons"]["arms"] == ["dna"]
    assert "concat_random" not in configuration.resolve({})["codons"]["ablations"]
    encoders = {"encoders": {"protein": "esm2-8m"}}
    assert configuration.resolve({"codons": arms | encoders})["codons"]["arms"] == arms["arms"]


def test_the_papers_heads_are_unequal():
    codons = configuration.resolve({"preset": "paper"})["codons"]
    assert codons["overrides"]["mil"] == {"channels": 1280}
    assert (codons["training"]["channels"], "xattn" in codons["overrides"]) == (100, False)


def test_a_variant_of_seqclip_may_change_its_pre_training():
    variant = {"method": "seqclip", "pretrain": {"shuffle_pairs": True, "steps": 3}}
    settings = configuration.resolve({"language": {"variants": {"other": variant}}})
    assert settings["language"]["variants"]["other"] == variant


@pytest.mark.parametrize(
    ("language", "key"),
    [
        ({"onevocab": {"trainable_parts": ["text"]}}, "language.onevocab"),
        (
            {"variants": {"a": {"method": "onevocab", "trainable_parts": ["backbone"]}}},
            "language.variants.a",
        ),
    ],
)
def test_full_scale_frozen_rows_that_start_alike_are_refused_before_the_plan(language, key):
    with pytest.raises(UserError, match=f"{key}: .* so DNA cannot matter; write `initialisation:"):
        configuration.resolve({"language": language})
    changed = language.get("variants", {}).get("a", language.get("onevocab"))
    changed["initialisation"] = "random"
    configuration.resolve({"language": language})


def test_a_variant_may_stand_among_the_methods():
    variant = {"method": "onevocab", "k": 3, "steps": 5}
    language = {"variants": {"small": variant}, "methods": ["small", "text_only"]}
    settings = configuration.resolve({"language": language})
    assert settings["language"]["variants"]["small"] == variant


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (
            {"codons": {"datasets": ["ecoli+clutser"]}},
            "dataset ecoli+clutser: no split 'clutser'; did you mean 'cluster'?",
        ),
        ({"codons": {"overrides": {"mli": {}}}}, "there is no arm 'mli'; did you mean 'mil'?"),
        (
            {"codons": {"overrides": {"mil": {"chanels": 3}}}},
            "unknown key 'codons.overrides.mil.chanels'; did you mean 'channels'?",
        ),
        ({"sedes": 2}, "unknown key 'sedes'; did you mean 'seeds'?"),
        ({"judge": {"modle": "x"}}, "unknown key 'judge.modle'; did you mean 'model'?"),
        ({"preset": "dmeo"}, "preset: 'dmeo' is not allowed; did you mean 'demo'?"),
        (
            {"language": {"training": {"learning_rate": "1e-3"}}},
            "language.training.learning_rate: '1e-3' is not of type array or number; "
            "YAML reads 1e-3 as text, write 1.0e-3",
        ),
        (
            {"language": {"suites": {"a": ["demo-splise"]}}},
            "language.suites.a: there is no dataset 'demo-splise'; did you mean 'demo-splice'?",
        ),
        (
            {"language": {"suites": {"a": ["splicing-of-mine"]}}},
            "no dataset 'splicing-of-mine'; nearest: demo-splice, demo-coding-genes,"
            " demo-coding-variants; all: resources/datasets.yaml",
        ),
        (
            {"language": {"methods": ["onevocb"]}},
            "language.methods: there is no method 'onevocb'; did you mean 'onevocab'?",
        ),
        (
            {"codons": {"arms": ["mill"]}},
            "codons.arms: there is no arm 'mill'; did you mean 'mil'?",
        ),
        (
            {"language": {"encoder": "demo-mt"}},
            "language.encoder: there is no model 'demo-mt'; did you mean 'demo-nt'?",
        ),
        (
            {"language": {"overrides": {"kegs": {}}}},
            "language.overrides: there is no method or suite 'kegs'",
        ),
        (
            {"language": {"suites": {"linear": ["demo-splice"]}}},
            "language.suites.linear: this is a method's name; choose another",
        ),
        (
            {"language": {"overrides": {"linear": {"stepps": 3}}}},
            "unknown key 'language.overrides.linear.stepps'; did you mean 'steps'?",
        ),
        (
            {"datasets": {"mine": {"study": "codons", "source": "fils"}}},
            "dataset 'mine': source: 'fils' is not allowed; did you mean 'files'?",
        ),
        (
            {"models": {"qwen3-1.7b": {"revison": "0" * 40}}},
            "model 'qwen3-1.7b': unknown key 'revison'; did you mean 'revision'?",
        ),
        (
            {"language": {"variants": {"small": {"method": "onevocb", "k": 3}}}},
            "language.variants.small.method: there is no method 'onevocb'; did you mean",
        ),
        (
            {"language": {"variants": {"small": {"method": "onevocab", "kk": 3}}}},
            "language.variants.small: unknown key 'kk'; did you mean 'k'?",
        ),
        (
            {"language": {"variants": {"small": {"method": "linear", "k": 3}}}},
            "language.variants.small: unknown key 'k'",
        ),
        (
            {"language": {"variants": {"small": {"method": "linear", "pretrain": {}}}}},
            "language.variants.small: unknown key 'pretrain'",
        ),
        (
            {"language": {"variants": {"s": {"method": "seqclip", "pretrain": {"stps": 1}}}}},
            "language.variants.s: unknown key 'pretrain.stps'; did you mean 'steps'?",
        ),
        (
            {"language": {"variants": {"linear": {"method": "onevocab"}}}},
            "language.variants.linear: this is a method's name; choose another",
        ),
        (
            {"codons": {"ablations": ["mil_tokens"]}},
            "codons.ablations: there is no arm 'mil_tokens'; did you mean 'mil_token'?",
        ),
    ],
)
def test_a_mistake_is_one_line_with_the_nearest_spelling(user, message):
    with pytest.raises(UserError) as caught:
        configuration.resolve(user)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_overrides_are_held_to_the_type_of_training():
    with pytest.raises(UserError, match=r"language\.overrides\.linear\.steps"):
        configuration.resolve({"language": {"overrides": {"linear": {"steps": "many"}}}})


@pytest.mark.parametrize("preset", ["demo", "pilot", "small", "paper", "published", "upstream"])
def test_every_preset_resolves(preset):
    assert configuration.resolve({"preset": preset})["preset"] == preset


def _properties(node, path=""):
    for name, child in node.get("properties", {}).items():
        yield f"{path}{name}", child
        yield from _properties(child, f"{path}{name}.")


def test_every_setting_has_a_description_and_a_default():
    for name, rule in _properties(schema.schema()):
        if "$ref" in rule:
            continue
        assert rule.get("description"), name
        assert "default" in rule or "properties" in rule, name


@pytest.fixture(scope="module")
def read_by():
    """Every key of the configuration and of catalogue entries, and the rules that read it."""
    found = schema.readers(schema.schema(), "", ["undeclared"])
    for entry in ("datasets", "models"):
        entries = schema.packaged(entry)
        found |= schema.readers(entries, f"{entry}.NAME", ["undeclared"])
    return found


def test_every_key_names_rules_that_read_it_or_none(read_by, root):
    rules = set()
    for path in (root / "workflow" / "rules").glob("*.smk"):
        rules |= set(re.findall(r"(?m)^rule (\w+):", path.read_text()))
    known = {rule for names in read_by.values() for rule in names}
    assert known <= rules, known - rules
    # Every rule computes from some key, but for what a wildcard alone tells it.
    assert rules - known == {
        "codons_embed",
        "controls_shuffle",
        "controls_randomise",
        "report_settings",
    }


def test_a_key_is_read_by_what_its_section_says_unless_it_says_otherwise(read_by):
    assert read_by["language.training.steps"] == ["language_finetune"]
    assert read_by["language.training.checkpoint_minutes"] == []
    assert "language_finetune" not in read_by["language.prompt.max_new_tokens"]
    assert read_by["jobs.light.runtime"] == []
    assert "controls_folds" in read_by["jobs.light.threads"]
    assert "codons_train" in read_by["jobs.gpu.threads"]
    assert read_by["datasets.NAME.seed"] == ["data_records"]
    assert read_by["datasets.NAME.files[].sha256"] == ["data_records"]
    assert read_by["datasets.NAME.files[].manual"] == []
    assert read_by["models.NAME.title"] == []


def test_a_key_without_a_declaration_is_found():
    keys = {"a": {"type": "string"}, "b": {"type": "string", "read_by": []}}
    assert schema.readers({"properties": keys}, "", ["undeclared"]) == {
        "a": ["undeclared"],
        "b": [],
    }
