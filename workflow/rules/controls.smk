"""controls: what a score must beat, as predictions in the same schema as a model's."""


rule controls_language:
    """Majority, lookups and composition on a suite of study A."""
    input:
        records=inputs.records,
    output:
        "<results>/controls/language/{suite}/predictions.parquet",
    log:
        "<logs>/controls_language/{suite}.log",
    benchmark:
        "<benchmarks>/controls_language/{suite}.jsonl"
    conda:
        "../../envs/controls.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        threads=needs.threads("light"),
        code=code("seqfuse.controls.language", *plan.control_modules("language")),
        datasets=lambda wildcards: plan.language_suites[wildcards.suite],
        coding=lambda wildcards: flags(
            {"coding": inputs.by_codon.genetic_codes(wildcards.suite)}
        ),
    shell:
        "exec seqfuse controls language --suite {wildcards.suite} --datasets {params.datasets}"
        " --records {input.records} {params.coding} --threads {params.threads} --out {output} 2> {log}"


rule controls_folds:
    """Controls by repeated folds of DNA pairs, on all rows that only the sequence decides."""
    input:
        records=inputs.records,
    output:
        "<results>/controls/language/{suite}/folds.parquet",
    log:
        "<logs>/controls_folds/{suite}.log",
    benchmark:
        "<benchmarks>/controls_folds/{suite}.jsonl"
    conda:
        "../../envs/controls.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        threads=needs.threads("light"),
        code=code("seqfuse.controls.folds", *plan.control_modules("language")),
        datasets=lambda wildcards: plan.language_suites[wildcards.suite],
    shell:
        "exec seqfuse controls folds --datasets {params.datasets} --records {input.records}"
        " --threads {params.threads} --out {output} 2> {log}"


rule controls_codons:
    """Composition, lookup and late fusion of the single modalities on one set of study B."""
    input:
        records="<results>/sequences/{suite}/records.parquet",
        frames="<results>/sequences/{suite}/frames.parquet",
        singles=collect(
            "<results>/codons/{{suite}}/{arm}/predictions.parquet",
            arm=plan.single_arms(),
        ),
    output:
        "<results>/controls/codons/{suite}/predictions.parquet",
    log:
        "<logs>/controls_codons/{suite}.log",
    benchmark:
        "<benchmarks>/controls_codons/{suite}.jsonl"
    conda:
        "../../envs/controls.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        threads=needs.threads("light"),
        code=code("seqfuse.controls.codons", *plan.control_modules("codons")),
        settings=flags(settings["codons"]["controls"]),
    shell:
        "exec seqfuse controls codons --dataset {wildcards.suite} --records {input.records}"
        " --frames {input.frames} --singles {input.singles} --threads {params.threads} {params.settings}"
        " --out {output} 2> {log}"


rule controls_shuffle:
    """Shuffle the codons or proteins of a set, for arms and encoders that are controls."""
    input:
        "<results>/sequences/{dataset}/frames.parquet",
    output:
        "<results>/sequences/{dataset}@{how}/frames.parquet",
    log:
        "<logs>/controls_shuffle/{dataset}.{how}.log",
    benchmark:
        "<benchmarks>/controls_shuffle/{dataset}.{how}.jsonl"
    wildcard_constraints:
        dataset=either(inputs.by_codon.framed_sets),
        how="codons|synonymous|other_protein",
    conda:
        "../../envs/controls.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        code=code("seqfuse.controls.shuffle"),
    shell:
        "exec seqfuse controls shuffle --frames {input} --how {wildcards.how} --out {output}"
        " 2> {log}"


rule controls_randomise:
    """Give an encoder random weights, to see what its pre-training is worth."""
    input:
        lambda wildcards: plan.manifest(wildcards.model),
    output:
        "<results>/data/models/{model}@random/manifest.json",
    log:
        "<logs>/controls_randomise/{model}.log",
    benchmark:
        "<benchmarks>/controls_randomise/{model}.jsonl"
    conda:
        "../../envs/data.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("gpu"),
        runtime=needs.runtime("light"),
    params:
        code=code("seqfuse.controls.randomise"),
        model=subpath(input[0], parent=True),
        out=subpath(output[0], parent=True),
    shell:
        "exec seqfuse controls randomise --model {params.model} --out {params.out} 2> {log}"
