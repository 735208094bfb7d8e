"""language: SeqCLIP's pre-training, then one fine-tuned model per suite and method, then predictions."""


rule language_pretrain:
    """Pull gene sequences and their descriptions together (SeqCLIP)."""
    input:
        pairs=f"<results>/sequences/{settings['language']['pretrain']['dataset']}/records.parquet",
        encoder=lambda wildcards: plan.manifest(
            plan.model_of(wildcards.pretraining, "encoder")
        ),
        text_encoder=lambda wildcards: plan.manifest(
            plan.model_of(wildcards.pretraining, "text_encoder")
        ),
        backbone=lambda wildcards: plan.manifest(
            plan.model_of(wildcards.pretraining, "backbone")
        ),
    output:
        encoder="<results>/language/pretrain/{pretraining}/encoder/manifest.json",
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
        pretraining=either(inputs.by_codon.contrasted(by_codon=False)),
    conda:
        "../../envs/language.yaml"
    threads: needs.threads("gpu") * settings["gpu"]["count"]
    resources:
        **needs.training("language_pretrain", needs.pretrain_disk, needs.runtime("gpu")),
    params:
        command=start("seqfuse language pretrain"),
        threads=needs.threads("gpu"),
        code=code("seqfuse.language.pretrain"),
        out=subpath(output.adapter, parent=True),
        models=lambda wildcards, input: reads(omit(dict(input.items()), "pairs")),
        settings=lambda wildcards: flags(
            tracked(plan.contrasting(wildcards.pretraining), "language/pretrain")
        ),
        more=lambda wildcards, resources: flags(
            untracked(plan.contrasting(wildcards.pretraining), "language/pretrain")
        ),
        board=lambda wildcards, resources: plan.board("pretrain", wildcards.pretraining),
        vectors=f"{STATE}/language/text_vectors",
        state=f"{STATE}/language/pretrain/{{pretraining}}",
    shell:
        "exec {params.command} --pairs {input.pairs} {params.models}"
        " --threads {params.threads}"
        " {params.settings} {params.more} {params.board} --text-vectors {params.vectors}"
        " --state {params.state} --out {params.out}"
        " 2> {log}"


use rule language_pretrain as language_pretrain_by_codon with:
    input:
        pairs=rules.language_pretrain.input.pairs,
        states=inputs.contrasted_states,
        text_encoder=rules.language_pretrain.input.text_encoder,
        backbone=rules.language_pretrain.input.backbone,
    output:
        adapter="<results>/language/pretrain/{pretraining}/adapter.safetensors",
        model="<results>/language/pretrain/{pretraining}/model.json",
        vectors="<results>/language/pretrain/{pretraining}/vectors.parquet",
        log="<results>/language/pretrain/{pretraining}/log.jsonl",
        cost="<results>/language/pretrain/{pretraining}/cost.json",
    wildcard_constraints:
        pretraining=either(inputs.by_codon.contrasted(by_codon=True)),


rule language_leakage:
    """Find the genes of the suites' val and test rows that SeqCLIP's pre-training has seen."""
    input:
        pairs=rules.language_pretrain.input.pairs,
        records=collect(
            "<results>/sequences/{dataset}/records.parquet",
            dataset=plan.datasets("language"),
        ),
    output:
        "<results>/language/pretrain/leakage.json",
    log:
        "<logs>/language_leakage/seqclip.log",
    benchmark:
        "<benchmarks>/language_leakage/seqclip.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        code=code("seqfuse.language.leakage"),
        of="",
        datasets=plan.datasets("language"),
    shell:
        "exec seqfuse language leakage --pairs {input.pairs} {params.of} --datasets {params.datasets}"
        " --records {input.records} --out {output} 2> {log}"


use rule language_leakage as language_leakage_arms with:
    input:
        pairs="<results>/sequences/{dataset}/records.parquet",
        records=rules.language_leakage.input.records,
    output:
        "<results>/codons/{dataset}/leakage.json",
    log:
        "<logs>/language_leakage/{dataset}.log",
    benchmark:
        "<benchmarks>/language_leakage/{dataset}.jsonl"
    params:
        of=lambda wildcards: flags(
            {"of": f"the arms of {wildcards.dataset}", "every": []}
        ),


rule language_finetune:
    """Fine-tune one method on one suite."""
    input:
        records=inputs.records,
        cards=ancient(inputs.data_cards),
        backbone=inputs.language_backbone,
        embeddings=inputs.language_embeddings,
        pretrained=inputs.pretrained_adapter,
        encoder=inputs.tuned_encoder,
        rate=inputs.chosen_rate,
    output:
        checkpoints=plan.of_seeds(
            "<results>/language/{suite}/{method}/model/seed{seed}/manifest.json"
        ),
        costs=plan.of_seeds(
            "<results>/language/{suite}/{method}/model/seed{seed}/cost.json"
        ),
        logs=plan.of_seeds(
            "<results>/language/{suite}/{method}/model/seed{seed}/log.jsonl"
        ),
    log:
        f"<logs>/language_finetune/{{suite}}.{{method}}{plan.seed_named}.log",
    benchmark:
        f"<benchmarks>/language_finetune/{{suite}}.{{method}}{plan.seed_named}.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: needs.threads("gpu") * settings["gpu"]["count"]
    resources:
        **needs.training("language_finetune", needs.finetune_disk),
    params:
        command=start("seqfuse language finetune"),
        threads=needs.threads("gpu"),
        code=lambda wildcards: code(
            "seqfuse.language.finetune",
            plan.implementation(wildcards.method),
            *inputs.by_codon.trained_on(wildcards.method),
        ),
        out=f"{plan.results}/language/{{suite}}/{{method}}/model",
        method=lambda wildcards: plan.method(wildcards.method).name,
        state=f"{STATE}/language/{{suite}}/{{method}}",
        datasets=lambda wildcards: plan.language_suites[wildcards.suite],
        models=lambda wildcards, input: reads(
            {
                "backbone": input.backbone,
                "embeddings": input.embeddings,
                "pretrained": [os.path.dirname(path) for path in input.pretrained],
                "encoder": input.encoder,
            }
        ),
        # Not compared: another number of seeds makes other files and changes no existing one.
        seeds=lambda wildcards, resources: plan.trained_seeds(wildcards),
        rate=lambda wildcards: flags(plan.given_rate(wildcards.suite, wildcards.method)),
        registered=lambda wildcards: plan.registered(wildcards.method),
        settings=lambda wildcards: flags(
            tracked(
                omit(
                    plan.finetuning(wildcards.suite, wildcards.method),
                    "learning_rate",
                ),
                "language/training",
            )
        ),
        # max_new_tokens changes no model; the data is checked against it before training.
        more=lambda wildcards, resources: flags(
            {
                **untracked(
                    plan.finetuning(wildcards.suite, wildcards.method),
                    "language/training",
                ),
                **needs.fitted(wildcards),
                "max_new_tokens": settings["language"]["prompt"]["max_new_tokens"],
            }
        ),
        board=lambda wildcards, resources: plan.board(wildcards.suite, wildcards.method),
    shell:
        "exec {params.command} --suite {wildcards.suite} --method {params.method}"
        " --name {wildcards.method}"
        " --datasets {params.datasets} --records {input.records} --cards {input.cards}"
        " {params.models} --seeds {params.seeds} {params.rate}"
        " --threads {params.threads}"
        " --state {params.state} {params.settings} {params.more} {params.board} --out {params.out} 2> {log}"


use rule language_finetune as language_trial with:
    output:
        "<results>/language/{suite}/{method}/rates/{rate}.json",
    log:
        "<logs>/language_trial/{suite}.{method}.{rate}.log",
    benchmark:
        "<benchmarks>/language_trial/{suite}.{method}.{rate}.jsonl"
    params:
        command=start("seqfuse language trial"),
        out=f"{plan.results}/language/{{suite}}/{{method}}/rates/{{rate}}.json",
        seeds=plan.trained_seeds,
        rate=lambda wildcards: flags({"learning_rate": float(wildcards.rate)}),


rule language_rate:
    """Choose the learning rate of a method on a suite by the validation loss of its trials."""
    input:
        inputs.trials,
    output:
        "<results>/language/{suite}/{method}/rate.json",
    log:
        "<logs>/language_rate/{suite}.{method}.log",
    conda:
        "../../envs/language.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        code=code("seqfuse.language.rate"),
    shell:
        "exec seqfuse language rate --trials {input} --out {output} 2> {log}"


rule language_predict:
    """Answer validation and test questions with every seed of a method."""
    input:
        checkpoints=inputs.checkpoints,
        records=inputs.records,
        embeddings=inputs.language_embeddings,
        parts=inputs.answered_parts,
    output:
        predictions="<results>/language/{suite}/{method}/predictions.parquet",
        inputs="<results>/language/{suite}/{method}/inputs.parquet",
    log:
        "<logs>/language_predict/{suite}.{method}.log",
    benchmark:
        "<benchmarks>/language_predict/{suite}.{method}.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: needs.threads("gpu")
    resources:
        **needs.computing(
            "language_predict",
            needs.tables_disk,
            needs.runtime("gpu", len(plan.seeds)),
        ),
    params:
        threads=needs.threads("gpu"),
        code=lambda wildcards: code(
            "seqfuse.language.predict",
            plan.implementation(wildcards.method),
            *inputs.by_codon.trained_on(wildcards.method),
        ),
        model=lambda wildcards, input: str(Path(input.checkpoints[0]).parents[1]),
        datasets=lambda wildcards: plan.language_suites[wildcards.suite],
        embeddings=lambda wildcards, input: reads({"embeddings": input.embeddings}),
        settings=flags(
            {**settings["language"]["prompt"], **settings["language"]["prediction"]}
        ),
        parts=lambda wildcards, input: reads({"parts": input.parts}),
        made=lambda wildcards, output: (
            f"--inputs {output.inputs} --out {output.predictions}"
        ),
    shell:
        "exec seqfuse language predict --model {params.model} --datasets {params.datasets}"
        " --records {input.records} {params.embeddings} --threads {params.threads} {params.settings}"
        " {params.parts} {params.made} 2> {log}"


use rule language_predict as language_predict_part with:
    output:
        temp("<results>/language/{suite}/{method}/parts/{part,[0-9]+of[0-9]+}.jsonl"),
    log:
        "<logs>/language_predict_part/{suite}.{method}.{part}.log",
    benchmark:
        "<benchmarks>/language_predict_part/{suite}.{method}.{part}.jsonl"
    resources:
        **needs.part(),
    params:
        made=lambda wildcards, output: f"--part {wildcards.part} --out {output}",


rule language_probe:
    """Predict with every seed of a method from altered DNA, and from DNA of another label."""
    input:
        checkpoints=inputs.checkpoints,
        records=inputs.records,
        encoder=inputs.method_encoder,
    output:
        probes="<results>/language/{suite}/{method}/probes.parquet",
        conflicts="<results>/language/{suite}/{method}/conflicts.parquet",
    log:
        "<logs>/language_probe/{suite}.{method}.log",
    benchmark:
        "<benchmarks>/language_probe/{suite}.{method}.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: needs.threads("gpu")
    resources:
        **needs.computing(
            "language_probe", needs.tables_disk, needs.runtime("gpu", len(plan.seeds))
        ),
    params:
        threads=needs.threads("gpu"),
        code=lambda wildcards: code(
            "seqfuse.language.probe", plan.implementation(wildcards.method)
        ),
        model=lambda wildcards, input: str(Path(input.checkpoints[0]).parents[1]),
        datasets=lambda wildcards: plan.language_suites[wildcards.suite],
        encoder=lambda wildcards, input: reads({"encoder": input.encoder}),
        settings=flags(
            {
                **settings["language"]["prompt"],
                **omit(settings["language"]["prediction"], "validation_rows"),
                **omit(settings["language"]["probe"], "exclude_suites"),
            }
        ),
    shell:
        "exec seqfuse language probe --model {params.model} --datasets {params.datasets}"
        " --records {input.records} {params.encoder} --threads {params.threads} {params.settings}"
        " --out {output.probes} --conflicts {output.conflicts} 2> {log}"


rule language_linear_probe:
    """Fit linear probes of label, gene and variant to the states of every seed."""
    input:
        checkpoints=inputs.checkpoints,
        records=inputs.records,
        clusters=inputs.clusters,
        encoder=inputs.method_encoder,
    output:
        probes="<results>/language/{suite}/{method}/linear_probes.parquet",
        gaps="<results>/language/{suite}/{method}/gaps.parquet",
    log:
        "<logs>/language_linear_probe/{suite}.{method}.log",
    benchmark:
        "<benchmarks>/language_linear_probe/{suite}.{method}.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: needs.threads("gpu")
    resources:
        **needs.computing(
            "language_linear_probe",
            needs.tables_disk,
            needs.runtime("gpu", len(plan.seeds)),
        ),
    params:
        threads=needs.threads("gpu"),
        code=lambda wildcards: code(
            "seqfuse.language.linear_probes.linear_probe",
            plan.implementation(wildcards.method),
        ),
        model=lambda wildcards, input: str(Path(input.checkpoints[0]).parents[1]),
        datasets=lambda wildcards: plan.language_suites[wildcards.suite],
        encoder=lambda wildcards, input: reads({"encoder": input.encoder}),
        settings=flags(
            {
                **omit(settings["language"]["prompt"], "max_new_tokens"),
                **omit(settings["language"]["prediction"], "validation_rows"),
                "rows": settings["language"]["probe"]["rows"],
                **settings["language"]["linear_probe"],
            }
        ),
    shell:
        "exec seqfuse language linear-probe --model {params.model} --datasets {params.datasets}"
        " --records {input.records} --clusters {input.clusters} {params.encoder}"
        " --threads {params.threads} {params.settings} --out {output.probes} --gaps {output.gaps}"
        " 2> {log}"


rule language_attention:
    """Attention around the variant, and mutagenesis of the same nucleotides."""
    input:
        checkpoints=inputs.checkpoints,
        records=lambda wildcards: collect(
            "<results>/sequences/{dataset}/records.parquet",
            dataset=plan.variant_sets(wildcards.suite),
        ),
    output:
        "<results>/language/{suite}/{method}/attention.parquet",
    log:
        "<logs>/language_attention/{suite}.{method}.log",
    benchmark:
        "<benchmarks>/language_attention/{suite}.{method}.jsonl"
    conda:
        "../../envs/language.yaml"
    threads: needs.threads("gpu")
    resources:
        **needs.computing("language_attention", needs.tables_disk, needs.runtime("gpu")),
    params:
        threads=needs.threads("gpu"),
        code=code("seqfuse.language.attention"),
        model=lambda wildcards, input: str(Path(input.checkpoints[0]).parents[1]),
        datasets=lambda wildcards: plan.variant_sets(wildcards.suite),
        settings=flags(
            {
                **settings["language"]["prompt"],
                **omit(settings["language"]["prediction"], "validation_rows"),
                **settings["language"]["attention"],
            }
        ),
    shell:
        "exec seqfuse language attention --model {params.model} --datasets {params.datasets}"
        " --records {input.records} --threads {params.threads} {params.settings} --out {output} 2> {log}"
