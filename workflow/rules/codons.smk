"""codons: one trained head per arm (a single modality, or a fusion), with its predictions."""


rule codons_train:
    """Train one arm on one dataset, every seed in one process."""
    input:
        unpack(inputs.arm_embeddings),
        unpack(inputs.arm_models),
        records="<results>/sequences/{dataset}/records.parquet",
        frames=lambda wildcards: f"<results>/sequences/{inputs.arm_set(wildcards)}/frames.parquet",
    output:
        checkpoints=collect(
            "<results>/codons/{{dataset}}/{{arm}}/seed{seed}.safetensors",
            seed=plan.seeds,
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
    threads: needs.threads("gpu")
    resources:
        **needs.computing(
            "codons_train", needs.arm_disk, needs.runtime("gpu", len(plan.seeds))
        ),
    params:
        threads=needs.threads("gpu"),
        code=lambda wildcards: code("seqfuse.codons.train", *plan.fusion(wildcards.arm)),
        arm=lambda wildcards: omit(vars(ARMS[wildcards.arm]), "title"),
        out=subpath(output.cost, parent=True),
        state=f"{STATE}/codons/{{dataset}}/{{arm}}",
        views=lambda wildcards, input: reads(
            omit(dict(input.items()), "records", "frames")
        ),
        seeds=plan.seeds,
        settings=lambda wildcards: flags(
            plan.arm_training(wildcards.arm)
            | {"genetic_code": plan.cleaning(wildcards.dataset)["genetic_code"]}
        ),
    shell:
        "exec seqfuse codons train --dataset {wildcards.dataset} --arm {wildcards.arm}"
        " --records {input.records} --frames {input.frames} {params.views}"
        " --seeds {params.seeds} --threads {params.threads} --state {params.state} {params.settings}"
        " --out {params.out} 2> {log}"


use rule codons_train as codons_train_weighed with:
    output:
        checkpoints=collect(
            "<results>/codons/{{dataset}}/{{arm}}/seed{seed}.safetensors",
            seed=plan.seeds,
        ),
        predictions="<results>/codons/{dataset}/{arm}/predictions.parquet",
        weights="<results>/codons/{dataset}/{arm}/weights.parquet",
        cost="<results>/codons/{dataset}/{arm}/cost.json",
        log="<results>/codons/{dataset}/{arm}/log.jsonl",
    wildcard_constraints:
        arm=either(name for name, arm in ARMS.items() if arm.weighs),


rule codons_card:
    """Write a trained arm's card, and the facts that using it needs."""
    input:
        checkpoints=collect(
            "<results>/codons/{{dataset}}/{{arm}}/seed{seed}.safetensors",
            seed=plan.seeds,
        ),
        predictions="<results>/codons/{dataset}/{arm}/predictions.parquet",
        cost="<results>/codons/{dataset}/{arm}/cost.json",
        records="<results>/sequences/{dataset}/records.parquet",
        frames=lambda wildcards: f"<results>/sequences/{inputs.arm_set(wildcards)}/frames.parquet",
        clusters="<results>/sequences/{dataset}/clusters.parquet",
    output:
        card="<results>/codons/{dataset}/{arm}/README.md",
        facts="<results>/codons/{dataset}/{arm}/arm.json",
        usage="<results>/codons/{dataset}/{arm}/training_codons.safetensors",
    log:
        "<logs>/codons_card/{dataset}.{arm}.log",
    benchmark:
        "<benchmarks>/codons_card/{dataset}.{arm}.jsonl"
    conda:
        "../../envs/codons.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        code=code("seqfuse.codons.card"),
        trained=subpath(input.cost, parent=True),
    shell:
        "exec seqfuse codons card --trained {params.trained} --records {input.records}"
        " --frames {input.frames} --clusters {input.clusters} 2> {log}"


rule codons_interpret:
    """Interpret a dataset's trained fusions: knock-outs, mutagenesis, attention, vectors."""
    input:
        unpack(inputs.fused_embeddings),
        checkpoints=collect(
            "<results>/codons/{{dataset}}/{arm}/seed{seed}.safetensors",
            arm=plan.fusions(),
            seed=plan.seeds,
        ),
        records="<results>/sequences/{dataset}/records.parquet",
        frames="<results>/sequences/{dataset}/frames.parquet",
        clusters="<results>/sequences/{dataset}/clusters.parquet",
        dna_encoder=plan.manifest(settings["codons"]["encoders"]["dna"]),
        rna_encoder=plan.manifest(settings["codons"]["encoders"]["rna"]),
    output:
        "<results>/codons/{dataset}/interpretation/knockout.parquet",
        "<results>/codons/{dataset}/interpretation/mutagenesis.parquet",
        "<results>/codons/{dataset}/interpretation/codons.parquet",
        "<results>/codons/{dataset}/interpretation/attention.parquet",
        "<results>/codons/{dataset}/interpretation/fused.parquet",
    log:
        "<logs>/codons_interpret/{dataset}.log",
    benchmark:
        "<benchmarks>/codons_interpret/{dataset}.jsonl"
    conda:
        "../../envs/codons.yaml"
    threads: needs.threads("gpu")
    resources:
        **needs.computing(
            "codons_interpret",
            needs.interpretation_disk,
            needs.runtime("gpu", len(plan.seeds)),
        ),
    params:
        threads=needs.threads("gpu"),
        code=code(
            "seqfuse.codons.interpret",
            *(name for arm in plan.fusions() for name in plan.fusion(arm)),
        ),
        trained=lambda wildcards, input: " ".join(
            dict.fromkeys(os.path.dirname(path) for path in input.checkpoints)
        ),
        out=subpath(output[0], parent=True),
        files=lambda wildcards, input: reads(
            omit(dict(input.items()), "checkpoints", "records", "frames")
        ),
        settings=flags(
            {
                **settings["codons"]["interpretation"],
                "confidence": settings["evaluation"]["confidence"],
            }
        ),
    shell:
        "exec seqfuse codons interpret --dataset {wildcards.dataset} --trained {params.trained}"
        " --records {input.records} --frames {input.frames} {params.files} --threads {params.threads}"
        " {params.settings} --out {params.out} 2> {log}"


rule codons_embed:
    """Compute the states by codon of a coding set of study A."""
    input:
        unpack(inputs.codon_states),
        records="<results>/sequences/{dataset}/records.parquet",
    output:
        "<results>/embeddings/{dataset}/sequence.{fused}.json",
    log:
        "<logs>/codons_embed/{dataset}.{fused}.log",
    benchmark:
        "<benchmarks>/codons_embed/{dataset}.{fused}.jsonl"
    wildcard_constraints:
        fused="fused@[^/]+",
    conda:
        "../../envs/codons.yaml"
    threads: needs.threads("gpu")
    resources:
        gpu=1,
        gpu_model=settings["gpu"]["model"],
        mem_mb=needs.mem_mb("gpu"),
        disk_mb=needs.disk_mb(needs.codon_states_disk),
        runtime=needs.runtime("gpu"),
    params:
        threads=needs.threads("gpu"),
        code=lambda wildcards: code(
            "seqfuse.codons.application.embed",
            *inputs.by_codon.modules(wildcards.fused),
        ),
        files=lambda wildcards, input: reads(dict(input.items())),
        how=lambda wildcards: flags(inputs.by_codon.reading(wildcards.fused)),
        store=lambda wildcards: settings["store"],
    shell:
        "exec seqfuse codons embed {params.files} {params.how} --store={params.store:q}"
        " --threads {params.threads} --out {output} 2> {log}"
