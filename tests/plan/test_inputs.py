"""What each stage reads, by the wildcards of its rule."""

import pytest

from seqfuse.plan.inputs import Inputs

CODONS = {"dna": "demo-nt", "rna": "demo-rnafm", "protein": "demo-esm2"}


@pytest.fixture(scope="module")
def inputs(small_run) -> Inputs:
    return Inputs(small_run)


def test_records_and_cards_of_a_suite(inputs, of):
    for job in (of(suite="tasks"), of(suite="tasks", study="language")):
        assert inputs.records(job) == [
            "<results>/sequences/demo-promoter/records.parquet",
            "<results>/sequences/demo-splice/records.parquet",
        ]
    job = of(suite="demo-classes", study="codons")
    assert inputs.records(job) == ["<results>/sequences/demo-classes/records.parquet"]
    assert inputs.data_cards(of(suite="variants")) == ["<results>/data/demo-variants/card.json"]


def test_scratch_text_models_learn_their_tokeniser_from_every_text(inputs, make_run, of):
    texts = ["demo-variants", "demo-promoter", "demo-splice"]
    paths = [f"<results>/data/{name}/records.parquet" for name in [*texts, "demo-genes"]]
    assert inputs.model_text(of(model="demo-qwen3")) == paths
    # An encoder has a fixed vocabulary; a published model brings its own tokeniser.
    assert inputs.model_text(of(model="demo-nt")) == inputs.model_text(of(model="qwen3-1.7b")) == []
    plain = Inputs(make_run(language={"methods": ["linear"]}))
    assert plain.model_text(of(model="demo-bert")) == paths[:-1]


@pytest.mark.parametrize(
    ("view", "table", "columns", "resolution"),
    [
        ("sequence", "records", "sequence variant", "native"),
        ("dna", "frames", "dna", "native"),
        ("rna", "frames", "rna", "codon"),
        ("protein", "frames", "protein", "native"),
    ],
)
def test_what_is_embedded_of_a_view(inputs, of, view, table, columns, resolution):
    job = of(dataset="d", view=view)
    assert inputs.embedded_table(job) == f"<results>/sequences/d/{table}.parquet"
    assert inputs.embedded_columns(job) == columns
    assert inputs.embedded_resolution(job) == resolution


# Of each method: whose stored states it reads, the encoder it trains, the adapter it starts from.
@pytest.mark.parametrize(
    ("method", "stored", "tuned", "pretrained"),
    [
        ("linear", "demo-nt", None, None),
        ("seqclip", "seqclip", None, "seqclip"),
        ("seqclip_hot", "seqclip_hot", None, "seqclip_hot"),
        ("seqclip_random", "seqclip_random", None, "seqclip_random"),
        ("onevocab", None, None, None),
        ("linear_tuned", None, "demo-nt", None),
        ("text_only", None, None, None),
        ("dna_only_long", "demo-nt", None, None),
    ],
)
def test_what_a_method_reads(inputs, small_run, of, method, stored, tuned, pretrained):
    job = of(suite="variants", method=method)
    receipt = f"<results>/embeddings/demo-variants/sequence.{stored}.json"
    assert inputs.language_embeddings(job) == [receipt] * bool(stored)
    assert inputs.method_encoder(job) == [small_run.manifest(stored)] * bool(stored)
    assert inputs.tuned_encoder(job) == [small_run.manifest(tuned)] * bool(tuned)
    adapter = f"<results>/language/pretrain/{pretrained}/adapter.safetensors"
    assert inputs.pretrained_adapter(job) == [adapter] * bool(pretrained)
    assert inputs.language_backbone(job) == "<results>/data/models/demo-qwen3/manifest.json"


def test_full_scale_each_seed_starts_from_a_pre_training_of_its_own(make_run, of):
    """Seeds 3 and 5: the first has the plain name, so that figures and the report find it."""
    run = make_run(jobs={"per_seed": True}, language={"pretrain": {"seed": None}})
    inputs = Inputs(run)
    assert {"seqclip", "seqclip@seed5", "seqclip_hot", "seqclip_hot@seed5"} <= run.pretrainings()
    assert [run.contrasting(name)["seed"] for name in ("seqclip", "seqclip_hot@seed5")] == [3, 5]
    assert run.contrasting("seqclip_hot@seed5")["temperature"] == 0.5
    assert run.model_of("seqclip_random@seed5", "encoder") == "demo-nt@random"
    assert run.encoder_layout("seqclip_random@seed5") == run.encoder_layout("demo-nt")
    job = of(suite="variants", method="seqclip", seed="5")
    receipts = [f"<results>/embeddings/demo-variants/sequence.{name}.json" for name in
                ("seqclip", "seqclip@seed5")]  # fmt: skip
    assert inputs.language_embeddings(job) == receipts[1:]
    assert inputs.pretrained_adapter(job) == [
        "<results>/language/pretrain/seqclip@seed5/adapter.safetensors"
    ]
    # Prediction and probes read all seeds, a trial the first.
    all_seeds = of(suite="variants", method="seqclip")
    assert inputs.language_embeddings(all_seeds) == receipts
    assert inputs.method_encoder(all_seeds) == [
        "<results>/language/pretrain/seqclip/encoder/manifest.json",
        "<results>/language/pretrain/seqclip@seed5/encoder/manifest.json",
    ]
    assert (
        inputs.language_embeddings(of(suite="variants", method="seqclip", rate="0.1"))
        == (receipts[:1])
    )


def test_a_suite_of_several_sets_is_read_in_its_order(inputs, of):
    assert inputs.language_embeddings(of(suite="tasks", method="linear")) == [
        "<results>/embeddings/demo-promoter/sequence.demo-nt.json",
        "<results>/embeddings/demo-splice/sequence.demo-nt.json",
    ]


@pytest.mark.parametrize(
    ("arm", "folder", "stored", "tuned"),
    [
        ("dna", "demo-classes", ["dna"], []),
        ("mil", "demo-classes", ["dna", "rna", "protein"], []),
        ("concat_lora", "demo-classes", ["protein"], ["dna", "rna"]),
        ("concat_full", "demo-classes", [], ["dna", "rna", "protein"]),
        ("concat_shuffled", "demo-classes@codons", ["dna", "rna", "protein"], []),
        ("concat_synonymous", "demo-classes@synonymous", ["dna", "rna", "protein"], []),
        ("onehot", "demo-classes", [], []),
    ],
)
def test_what_an_arm_reads(inputs, of, arm, folder, stored, tuned):
    job = of(dataset="demo-classes", arm=arm)
    assert inputs.arm_set(job) == folder
    assert inputs.arm_embeddings(job) == {
        view: f"<results>/embeddings/{folder}/{view}.{CODONS[view]}.json" for view in stored
    }
    assert inputs.arm_models(job) == {
        f"{view}_model": f"<results>/data/models/{CODONS[view]}/manifest.json" for view in tuned
    }


def test_an_arm_of_random_encoders_reads_their_states(inputs, of):
    receipts = inputs.arm_embeddings(of(dataset="demo-classes", arm="concat_random"))
    assert receipts["rna"] == "<results>/embeddings/demo-classes/rna.demo-rnafm@random.json"


def test_interpretation_reads_what_its_fusions_do(inputs, make_run, of):
    job = of(dataset="demo-classes")
    assert inputs.fused_embeddings(job) == {
        view: f"<results>/embeddings/demo-classes/{view}.{name}.json"
        for view, name in CODONS.items()
    }
    pair = Inputs(make_run(codons={"arms": ["dna", "rna_protein"]}))
    assert list(pair.fused_embeddings(job)) == ["rna", "protein"]


def test_a_control_of_the_judge_has_no_predictions(inputs, of):
    assert inputs.judged_predictions(of(suite="variants", method="retrieval")) == []
    # Snakemake fills in the wildcards.
    pattern = "<results>/language/{suite}/{method}/predictions.parquet"
    assert inputs.judged_predictions(of(suite="variants", method="linear")) == pattern
