"""language: SeqCLIP's pre-training, then one fine-tuned model a suite and method, then predictions."""


rule language_pretrain:
    """Pull gene sequences and their descriptions together (SeqCLIP)."""
    input:
        pairs=f"<results>/sequences/{settings['language']['pretrain']['dataset']}/records.parquet",
        encoder=lambda wildcards: model_folder(
            model_of(wildcards.pretraining, "encoder")
        ),
        text_encoder=model_folder(settings["language"]["text_encoder"]),
        backbone=lambda wildcards: model_folder(
            model_of(wildcards.pretraining, "backbone")
        ),
    output:
        encoder=directory("<results>/language/pretrain/{pretraining}/encoder"),
        adapter="<results>/language/pretrain/{pretraining}/adapter.safetensors",
        model="<results>/language/pretrain/{pretraining}/model.json",
        vectors="<results>/language/pretrain/{pretraining}/vectors.parquet",
        log="<results>/language/pretrain/{pretraining}/log.jsonl",
        cost="<results>/language/pretrain/{pretraining}/cost.json",
    log:
        "<logs>/language_pretrain/{pretraining}.log",
    benchmark:
        "<benchmarks>/language_pretrain/{pretraining}.jsonl"
    wildcard_constraints:
        pretraining=either(pretrainings()),
    conda:
        "../../envs/language.yaml"
    threads: threads_of("gpu") * settings["gpu"]["count"]
    resources:
        **training_resources(pretrain_disk, seeds=1),
    params:
        command=launched("seqfuse language pretrain"),
        threads=threads_of("gpu"),
        code=code("seqfuse.language.pretrain"),
        out=subpath(output.encoder, parent=True),
        seed=SEEDS[0],
        settings=lambda wildcards: flags(contrasting(wildcards.pretraining)),
        board=lambda wildcards: board("pretrain", wildcards.pretraining),
        vectors=f"{STATE}/language/text_vectors",
    shell:
        "exec {params.command} --pairs {input.pairs} --encoder {input.encoder}"
        " --text-encoder {input.text_encoder} --backbone {input.backbone} --seed {params.seed}"
        " --threads {params.threads}"
        " {params.settings} {params.board} --text-vectors {params.vectors} --out {params.out}"
        " 2> {log}"


rule language_leakage:
    """Which genes of the suites' val and test rows SeqCLIP's pre-training has seen."""
    input:
        pairs=rules.language_pretrain.input.pairs,
        records=collect(
            "<results>/sequences/{dataset}/records.parquet",
            dataset=datasets("language"),
        ),
    output:
        "<results>/language/pretrain/leakage.json",
    log:
        "<logs>/language_leakage/seqclip.log",
    benchmark:
        "<benchmarks>/language_leakage/seqclip.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: threads_of("light")
    resources:
        mem_mb=mem_mb("light"),
        disk_mb=disk_mb(tables_disk),
        runtime=runtime("light"),
    params:
        code=code("seqfuse.language.leakage"),
        datasets=datasets("language"),
    shell:
        "exec seqfuse language leakage --pairs {input.pairs} --datasets {params.datasets}"
        " --records {input.records} --out {output} 2> {log}"


rule language_finetune:
    """Fine-tune one method on one suite, every seed in one process."""
    input:
        records=records,
        cards=ancient(data_cards),
        backbone=language_backbone,
        embeddings=language_embeddings,
        pretrained=pretrained_adapter,
        encoder=tuned_encoder,
    output:
        checkpoints=directory(
            collect(
                "<results>/language/{{suite}}/{{method}}/model/seed{seed}", seed=SEEDS
            )
        ),
        cost="<results>/language/{suite}/{method}/model/cost.json",
        log="<results>/language/{suite}/{method}/model/log.jsonl",
    log:
        "<logs>/language_finetune/{suite}.{method}.log",
    benchmark:
        "<benchmarks>/language_finetune/{suite}.{method}.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: threads_of("gpu") * settings["gpu"]["count"]
    resources:
        **training_resources(finetune_disk),
    params:
        command=launched("seqfuse language finetune"),
        threads=threads_of("gpu"),
        code=lambda wildcards: code(
            "seqfuse.language.finetune", implementation(wildcards.method)
        ),
        out=subpath(output.cost, parent=True),
        method=lambda wildcards: method(wildcards.method).name,
        state=f"{STATE}/language/{{suite}}/{{method}}",
        datasets=lambda wildcards: SUITES[wildcards.suite],
        embeddings=lambda wildcards, input: flags(
            {"embeddings": list(input.embeddings) or None}
        ),
        pretrained=lambda wildcards, input: flags(
            {
                "pretrained": (
                    os.path.dirname(input.pretrained[0]) if input.pretrained else None
                )
            }
        ),
        encoder=lambda wildcards, input: flags({"encoder": list(input.encoder) or None}),
        seeds=SEEDS,
        settings=lambda wildcards: flags(finetuning(wildcards.suite, wildcards.method)),
        board=lambda wildcards: board(wildcards.suite, wildcards.method),
    shell:
        "exec {params.command} --suite {wildcards.suite} --method {params.method}"
        " --name {wildcards.method}"
        " --datasets {params.datasets} --records {input.records} --cards {input.cards}"
        " --backbone {input.backbone}"
        " {params.embeddings} {params.pretrained} {params.encoder} --seeds {params.seeds}"
        " --threads {params.threads}"
        " --state {params.state} {params.settings} {params.board} --out {params.out} 2> {log}"


rule language_predict:
    """Answer every validation and test question with every seed of a method."""
    input:
        checkpoints=rules.language_finetune.output.checkpoints,
        records=records,
        embeddings=language_embeddings,
    output:
        predictions="<results>/language/{suite}/{method}/predictions.parquet",
        inputs="<results>/language/{suite}/{method}/inputs.parquet",
    log:
        "<logs>/language_predict/{suite}.{method}.log",
    benchmark:
        "<benchmarks>/language_predict/{suite}.{method}.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: threads_of("gpu")
    resources:
        gpu=1,
        gpu_model=settings["gpu"]["model"],
        mem_mb=mem_mb("gpu"),
        disk_mb=disk_mb(tables_disk),
        runtime=runtime("gpu", len(SEEDS)),
    params:
        code=lambda wildcards: code(
            "seqfuse.language.predict", implementation(wildcards.method)
        ),
        model=lambda wildcards, input: os.path.dirname(input.checkpoints[0]),
        datasets=lambda wildcards: SUITES[wildcards.suite],
        embeddings=lambda wildcards, input: flags(
            {"embeddings": list(input.embeddings) or None}
        ),
        settings=flags(settings["language"]["prompt"]),
    shell:
        "exec seqfuse language predict --model {params.model} --datasets {params.datasets}"
        " --records {input.records} {params.embeddings} --threads {threads} {params.settings}"
        " --inputs {output.inputs} --out {output.predictions} 2> {log}"


rule language_probe:
    """Ask every seed of a method again with altered DNA."""
    input:
        checkpoints=rules.language_finetune.output.checkpoints,
        records=records,
        encoder=method_encoder,
    output:
        "<results>/language/{suite}/{method}/probes.parquet",
    log:
        "<logs>/language_probe/{suite}.{method}.log",
    benchmark:
        "<benchmarks>/language_probe/{suite}.{method}.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: threads_of("gpu")
    resources:
        gpu=settings["gpu"]["count"],
        gpu_model=settings["gpu"]["model"],
        mem_mb=mem_mb("gpu"),
        disk_mb=disk_mb(tables_disk),
        runtime=runtime("gpu", len(SEEDS)),
    params:
        code=lambda wildcards: code(
            "seqfuse.language.probe", implementation(wildcards.method)
        ),
        model=lambda wildcards, input: os.path.dirname(input.checkpoints[0]),
        datasets=lambda wildcards: SUITES[wildcards.suite],
        encoder=lambda wildcards, input: flags({"encoder": list(input.encoder) or None}),
        settings=flags(
            {
                **settings["language"]["prompt"],
                **omit(settings["language"]["probe"], "exclude_suites"),
            }
        ),
    shell:
        "exec seqfuse language probe --model {params.model} --datasets {params.datasets}"
        " --records {input.records} {params.encoder} --threads {threads} {params.settings}"
        " --out {output} 2> {log}"


rule language_attention:
    """Attention around the variant, and mutagenesis of the same nucleotides."""
    input:
        checkpoints=rules.language_finetune.output.checkpoints,
        records=lambda wildcards: collect(
            "<results>/sequences/{dataset}/records.parquet",
            dataset=variant_sets(wildcards.suite),
        ),
    output:
        "<results>/language/{suite}/{method}/attention.parquet",
    log:
        "<logs>/language_attention/{suite}.{method}.log",
    benchmark:
        "<benchmarks>/language_attention/{suite}.{method}.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: threads_of("gpu")
    resources:
        gpu=settings["gpu"]["count"],
        gpu_model=settings["gpu"]["model"],
        mem_mb=mem_mb("gpu"),
        disk_mb=disk_mb(tables_disk),
        runtime=runtime("gpu"),
    params:
        code=code("seqfuse.language.attention"),
        model=lambda wildcards, input: os.path.dirname(input.checkpoints[0]),
        datasets=lambda wildcards: variant_sets(wildcards.suite),
        settings=flags(
            {**settings["language"]["prompt"], **settings["language"]["attention"]}
        ),
    shell:
        "exec seqfuse language attention --model {params.model} --datasets {params.datasets}"
        " --records {input.records} --threads {threads} {params.settings} --out {output} 2> {log}"
