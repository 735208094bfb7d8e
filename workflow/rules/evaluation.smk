"""evaluation: predictions of models and controls in; metrics with intervals and comparisons out."""


rule evaluation:
    """Score everything that was predicted on a suite, on the same rows."""
    input:
        records=records,
        controls="<results>/controls/{study}/{suite}/predictions.parquet",
        predictions=lambda wildcards: artifact_paths(
            "predictions", wildcards.study, wildcards.suite
        ),
        costs=lambda wildcards: artifact_paths(
            "costs", wildcards.study, wildcards.suite
        ),
        probes=lambda wildcards: artifact_paths(
            "probes", wildcards.study, wildcards.suite
        ),
    output:
        metrics="<results>/evaluation/{study}/{suite}/metrics.parquet",
        comparisons="<results>/evaluation/{study}/{suite}/comparisons.parquet",
        calibration="<results>/evaluation/{study}/{suite}/calibration.parquet",
    log:
        "<logs>/evaluation/{study}.{suite}.log",
    benchmark:
        "<benchmarks>/evaluation/{study}.{suite}.jsonl"
    conda:
        "../../envs/evaluation.yaml"
    threads: threads_of("light")
    resources:
        mem_mb=mem_mb("light"),
        disk_mb=disk_mb(tables_disk),
        runtime=runtime("light"),
    params:
        code=code("seqfuse.evaluation.evaluate"),
        out=subpath(output.metrics, parent=True),
        datasets=lambda wildcards: suites(wildcards.study)[wildcards.suite],
        more=lambda wildcards, input: flags(
            {need: list(input.get(need, [])) or None for need in ("probes", "folds")}
        ),
        aliases=lambda wildcards: flags(
            {"aliases": aliases(suites(wildcards.study)[wildcards.suite])}
        ),
        settings=flags(settings["evaluation"]),
    shell:
        "exec seqfuse evaluation --study {wildcards.study} --suite {wildcards.suite}"
        " --datasets {params.datasets} --records {input.records}"
        " --predictions {input.controls} {input.predictions} --costs {input.costs}"
        " {params.more} {params.aliases} {params.settings} --out {params.out} 2> {log}"


use rule evaluation as evaluation_ablations with:
    input:
        records=records,
        controls="<results>/controls/{study}/{suite}/predictions.parquet",
        predictions=lambda wildcards: artifact_paths(
            "predictions", wildcards.study, wildcards.suite, among=ablated
        ),
        costs=lambda wildcards: artifact_paths(
            "costs", wildcards.study, wildcards.suite, among=ablated
        ),
        folds=lambda wildcards: (
            [f"<results>/controls/language/{wildcards.suite}/folds.parquet"]
            if wildcards.study == "language"
            else []
        ),
    output:
        metrics="<results>/ablations/{study}/{suite}/metrics.parquet",
        comparisons="<results>/ablations/{study}/{suite}/comparisons.parquet",
        calibration="<results>/ablations/{study}/{suite}/calibration.parquet",
    log:
        "<logs>/evaluation_ablations/{study}.{suite}.log",
    benchmark:
        "<benchmarks>/evaluation_ablations/{study}.{suite}.jsonl"
