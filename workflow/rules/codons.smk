"""codons: one trained head an arm (a modality alone, or a fusion), with its predictions."""


rule codons_train:
    """Train one arm on one dataset, every seed in one process."""
    input:
        unpack(arm_embeddings),
        unpack(arm_models),
        records="<results>/sequences/{dataset}/records.parquet",
        frames=lambda wildcards: f"<results>/sequences/{arm_set(wildcards)}/frames.parquet",
    output:
        checkpoints=collect(
            "<results>/codons/{{dataset}}/{{arm}}/seed{seed}.safetensors", seed=SEEDS
        ),
        predictions="<results>/codons/{dataset}/{arm}/predictions.parquet",
        cost="<results>/codons/{dataset}/{arm}/cost.json",
        log="<results>/codons/{dataset}/{arm}/log.jsonl",
    log:
        "<logs>/codons_train/{dataset}.{arm}.log",
    benchmark:
        "<benchmarks>/codons_train/{dataset}.{arm}.jsonl"
    wildcard_constraints:
        arm=either(name for name, arm in ARMS.items() if not arm.weighs),
    conda:
        "../../envs/codons.yaml"
    threads: threads_of("gpu")
    resources:
        gpu=1,
        gpu_model=settings["gpu"]["model"],
        mem_mb=mem_mb("gpu"),
        runtime=runtime("gpu"),
    params:
        code=lambda wildcards: code("seqfuse.codons.train", *fusion(wildcards.arm)),
        out=subpath(output.cost, parent=True),
        state=f"{STATE}/codons/{{dataset}}/{{arm}}",
        views=lambda wildcards, input: flags(
            {
                name: input[name]
                for name in [*arm_embeddings(wildcards), *arm_models(wildcards)]
            }
        ),
        seeds=SEEDS,
        settings=lambda wildcards: flags(arm_training(wildcards.arm)),
    shell:
        "exec seqfuse codons train --dataset {wildcards.dataset} --arm {wildcards.arm}"
        " --records {input.records} --frames {input.frames} {params.views}"
        " --seeds {params.seeds} --threads {threads} --state {params.state} {params.settings}"
        " --out {params.out} 2> {log}"


use rule codons_train as codons_train_weighed with:
    output:
        checkpoints=collect(
            "<results>/codons/{{dataset}}/{{arm}}/seed{seed}.safetensors", seed=SEEDS
        ),
        predictions="<results>/codons/{dataset}/{arm}/predictions.parquet",
        weights="<results>/codons/{dataset}/{arm}/weights.parquet",
        cost="<results>/codons/{dataset}/{arm}/cost.json",
        log="<results>/codons/{dataset}/{arm}/log.jsonl",
    wildcard_constraints:
        arm=either(name for name, arm in ARMS.items() if arm.weighs),
