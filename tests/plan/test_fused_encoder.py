"""Encoders of study A that are trained in study B: what jobs read of them, and what is refused."""

import re

import pytest

from seqfuse.errors import UserError
from seqfuse.plan.artifacts import Artifacts
from seqfuse.plan.inputs import Inputs
from seqfuse.plan.run import Run
from seqfuse.registry.codon_encoders import CodonEncoder, refusal
from seqfuse.settings import configuration

SET = "demo-coding-variants"
CONFIG = {
    "preset": "fused",
    "seeds": [3, 5],
    "jobs": {"per_seed": False},
    "language": {
        "methods": ["by_concat", "concat_tuned", "untrained", "text_only", "shuffled_codons"],
        "pretrain": {"seed": 3},
    },
}


def run_of(**language) -> Run:
    return Run(configuration.resolve(configuration.merge(CONFIG, {"language": language})))


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return Inputs(run_of())


@pytest.mark.parametrize(
    ("name", "word", "modalities"),
    [
        ("fused:a+cluster.0/rna_protein", "fused@a+cluster.0@rna_protein", ("rna", "protein")),
        ("fused:a/protein@codons", "fused@a@protein@codons", ("protein",)),
        ("fused:dna/protein", "fused@dna@protein", ("protein",)),
        ("fused:untrained", "fused@untrained", ("dna", "rna", "protein")),
        ("fused:rna@synonymous", "fused@rna@synonymous", ("rna",)),
    ],
)
def test_fused_encoder_is_named_in_files_as_in_a_configuration(name, word, modalities):
    found = CodonEncoder.of(name)
    assert found.word == word and found.modalities == modalities
    assert CodonEncoder.of(word) == found and refusal(name) is None
    trained = found.with_seed(4)
    assert CodonEncoder.of(trained.word) == trained
    assert (trained == found) == (found.arm is None)


def test_fused_encoder_chains_study_b_before_study_a(inputs, of):
    """The arm's checkpoint is an input of the states, and the states of the training."""
    job = of(suite="coding", method="by_concat")
    [receipt] = inputs.language_embeddings(job)
    name = "fused@demo-expression@concat@seed3"
    assert receipt == f"<results>/embeddings/{SET}/sequence.{name}.json"
    read = inputs.codon_states(of(dataset=SET, fused=name))
    assert read == {
        "dna": f"<results>/embeddings/{SET}/dna.demo-nt.json",
        "rna": f"<results>/embeddings/{SET}/rna.demo-rnafm.json",
        "protein": f"<results>/embeddings/{SET}/protein.demo-esm2.json",
        "frames": f"<results>/sequences/{SET}/frames.parquet",
        "arm": "<results>/codons/demo-expression/concat/seed3.safetensors",
    }
    assert inputs.tuned_encoder(job) == []
    assert "arm" not in inputs.codon_states(of(dataset=SET, fused="fused@untrained"))
    assert inputs.by_codon.modules(name) == ["seqfuse.codons.fusions.concat"]
    assert inputs.by_codon.framed_sets == ["demo-expression", SET, "demo-coding-genes"]
    assert inputs.by_codon.genetic_codes("coding") == [f"{SET}=1"]


def test_fused_encoder_that_is_tuned_reads_what_its_fusion_is_given(inputs, of):
    job = of(suite="coding", method="concat_tuned")
    [receipt] = inputs.language_embeddings(job)
    assert receipt.endswith("/sequence.fused@demo-expression@concat@seed3@unfused.json")
    assert inputs.tuned_encoder(job) == [
        "<results>/codons/demo-expression/concat/seed3.safetensors"
    ]
    assert inputs.by_codon.trained_on("concat_tuned") == ["seqfuse.codons.fusions.concat"]
    assert inputs.by_codon.trained_on("by_concat") == []


def test_fused_encoder_of_altered_frames_reads_these_alone(inputs, of):
    [receipt] = inputs.language_embeddings(of(suite="coding", method="shuffled_codons"))
    fused = receipt.split("/sequence.")[1].removesuffix(".json")
    read = inputs.codon_states(of(dataset=SET, fused=fused))
    assert read["frames"] == f"<results>/sequences/{SET}@codons/frames.parquet"
    assert read["rna"] == f"<results>/embeddings/{SET}@codons/rna.demo-rnafm.json"
    assert inputs.by_codon.reading(fused) == {"altered": "codons", "unfused": None}


def test_fused_encoder_of_each_seed_where_each_is_a_job(of):
    apart = {"jobs": {"per_seed": True}, "language": {"pretrain": {"seed": None}}}
    inputs = Inputs(Run(configuration.resolve(configuration.merge(CONFIG, apart))))
    names = [f"sequence.fused@demo-expression@concat@seed{seed}.json" for seed in (3, 5)]
    folder = f"<results>/embeddings/{SET}"
    assert inputs.language_embeddings(of(suite="coding", method="by_concat", seed="5")) == [
        f"{folder}/{names[1]}"
    ]
    assert inputs.language_embeddings(of(suite="coding", method="by_concat")) == [
        f"{folder}/{name}" for name in names
    ]
    # Nothing was trained for it, so that all seeds read the same.
    assert inputs.language_embeddings(of(suite="coding", method="untrained")) == [
        f"{folder}/sequence.fused@untrained.json"
    ]


def test_fused_encoder_is_pretrained_on_states_of_coding_genes(of):
    """SeqCLIP's adapter starts from the arm of the seed that it is fine-tuned with."""
    inputs = Inputs(Run(configuration.resolve({"preset": "fused", "seeds": [3, 5]})))
    job = of(suite="coding", method="seqclip_by_concat", seed="5")
    name = "fused@demo-expression@concat@seed5"
    folder = "<results>/language/pretrain/seqclip_by_concat@seed5"
    assert inputs.pretrained_adapter(job) == [f"{folder}/adapter.safetensors"]
    assert inputs.language_embeddings(job) == [f"<results>/embeddings/{SET}/sequence.{name}.json"]
    pretraining = of(pretraining="seqclip_by_concat@seed5")
    pairs = "<results>/embeddings/demo-coding-genes"
    assert inputs.contrasted_states(pretraining) == f"{pairs}/sequence.{name}.json"
    by_codon = {"seqclip_by_concat", "seqclip_by_concat@seed5"}
    assert set(inputs.by_codon.contrasted(by_codon=True)) == by_codon
    assert set(inputs.by_codon.contrasted(by_codon=False)) == {"seqclip", "seqclip@seed5"}
    paths = Artifacts(inputs.run).paths("vectors", "language")
    first = "<results>/language/pretrain/seqclip_by_concat/vectors.parquet"
    assert [path for path in paths if "/pretrain/" in path] == [first]


def test_fused_encoder_of_each_seed_needs_a_pretraining_of_each():
    given = {"preset": "fused", "language": {"pretrain": {"seed": 0}}}
    with pytest.raises(UserError, match=r"write pretrain: \{seed: null\}"):
        configuration.resolve(given)


def test_fused_encoder_is_audited_for_what_its_arm_has_seen():
    assert Artifacts(run_of()).paths("leakage", "language") == [
        "<results>/codons/demo-expression/leakage.json"
    ]
    assert Artifacts(run_of(methods=["untrained"])).paths("leakage", "language") == []


def encoder(text: str, method: str = "linear", **more) -> dict:
    return {"variants": {"mine": {"method": method, "encoder": text}}, "methods": ["mine"]} | more


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            encoder("fused:demo-expresion/mil"),
            "no arm is trained on 'demo-expresion'; did you mean",
        ),
        (encoder("fused:demo-expression/mean"), "there is no arm 'mean'"),
        (encoder("fused:demo-expression"), "is not an encoder; write fused:SET/ARM"),
        (encoder("fused:demo-expression/mil@seed0"), "is not an encoder; write fused:SET/ARM"),
        (encoder("fused:demo-expression/concat_lora"), "does not read stored states"),
        (encoder("fused:demo-expression/rna@other_protein"), "does not read protein"),
        (encoder("fused:untrained", "linear_fused"), "'fused:untrained' has none"),
        (encoder("demo-nt", "linear_fused"), "trains the fusion of an arm; write fused:SET/ARM"),
        (
            encoder("fused:untrained", "seqclip", pretrain={"dataset": "demo-genes", "seed": 3}),
            "the entry of 'demo-genes' (language.pretrain.dataset) does not say `cds: true`",
        ),
        (
            encoder("fused:dna", "seqclip", pretrain={"train_encoder": True, "seed": 3}),
            "stays as it is in pre-training; write pretrain: {train_encoder: false}",
        ),
        (encoder("fused:dna@codons", "seqclip"), "pre-training reads genes as they are"),
        (encoder("fused:untrained", "linear_tuned"), "trains a DNA encoder"),
        (encoder("fused:untrained", probe={"exclude_suites": []}), "exclude_suites: [coding]"),
        (
            encoder("fused:untrained", suites={"coding": ["demo-variants"]}),
            "the entry of 'demo-variants' in suite 'coding' does not say `cds: true`",
        ),
    ],
)
def test_fused_encoder_that_cannot_be_is_refused_by_name(language, said):
    with pytest.raises(UserError) as refused:
        run_of(**language)
    assert said in str(refused.value)


def test_fused_encoder_translates_as_its_arm_did():
    """`seqfuse ask` translates by the arm's code what the language model was trained on by the
    set's."""
    other = CONFIG | {"datasets": {SET: {"cleaning": {"genetic_code": 11}}}}
    said = f"'fused:demo-expression/concat' is trained with genetic code 1, but {SET!r} has 11"
    with pytest.raises(UserError, match=re.escape(said)):
        configuration.resolve(other)


def test_fused_encoder_needs_study_b():
    with pytest.raises(UserError, match="no arm is trained on 'demo-expression'"):
        configuration.resolve(CONFIG | {"studies": ["language"]})
