"""evaluation: predictions of models and controls in; metrics with intervals and comparisons out."""


rule evaluation:
    """Score everything that was predicted on a suite, on the same rows."""
    input:
        records=inputs.records,
        clusters=inputs.clusters,
        controls=lambda wildcards: artifacts.paths(
            "controls", wildcards.study, wildcards.suite
        ),
        predictions=lambda wildcards: artifacts.paths(
            "predictions", wildcards.study, wildcards.suite
        ),
        costs=lambda wildcards: artifacts.paths(
            "costs", wildcards.study, wildcards.suite
        ),
        probes=lambda wildcards: artifacts.paths(
            "probes", wildcards.study, wildcards.suite
        ),
        conflicts=lambda wildcards: artifacts.paths(
            "conflicts", wildcards.study, wildcards.suite
        ),
    output:
        metrics="<results>/evaluation/{study}/{suite}/metrics.parquet",
        comparisons="<results>/evaluation/{study}/{suite}/comparisons.parquet",
        calibration="<results>/evaluation/{study}/{suite}/calibration.parquet",
        card="<results>/evaluation/{study}/{suite}/README.md",
    log:
        "<logs>/evaluation/{study}.{suite}.log",
    benchmark:
        "<benchmarks>/evaluation/{study}.{suite}.jsonl"
    conda:
        "../../envs/evaluation.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        code=code("seqfuse.evaluation.evaluate"),
        out=subpath(output.metrics, parent=True),
        datasets=lambda wildcards: plan.suites(wildcards.study)[wildcards.suite],
        more=lambda wildcards, input: flags(
            {
                need: list(input.get(need, [])) or None
                for need in ("probes", "conflicts", "folds")
            }
        ),
        aliases=lambda wildcards: flags(
            {"aliases": plan.aliases(plan.suites(wildcards.study)[wildcards.suite])}
        ),
        resplit=lambda wildcards: plan.resplit(wildcards.study, wildcards.suite),
        settings=lambda wildcards: flags(plan.scoring(wildcards.study)),
        registered=compared_by(),
    shell:
        "exec seqfuse evaluation --study {wildcards.study} --suite {wildcards.suite}"
        " --datasets {params.datasets} --records {input.records} --clusters {input.clusters}"
        " --predictions {input.controls} {input.predictions} --costs {input.costs}"
        " {params.more} {params.aliases} {params.resplit} {params.settings} --out {params.out} 2> {log}"


use rule evaluation as evaluation_ablations with:
    input:
        records=inputs.records,
        clusters=inputs.clusters,
        controls=lambda wildcards: artifacts.paths(
            "controls", wildcards.study, wildcards.suite
        ),
        predictions=lambda wildcards: artifacts.paths(
            "predictions", wildcards.study, wildcards.suite, ablations=True
        ),
        costs=lambda wildcards: artifacts.paths(
            "costs", wildcards.study, wildcards.suite, ablations=True
        ),
        folds=lambda wildcards: artifacts.paths(
            "folds", wildcards.study, wildcards.suite
        ),
    output:
        metrics="<results>/ablations/{study}/{suite}/metrics.parquet",
        comparisons="<results>/ablations/{study}/{suite}/comparisons.parquet",
        calibration="<results>/ablations/{study}/{suite}/calibration.parquet",
        card="<results>/ablations/{study}/{suite}/README.md",
    log:
        "<logs>/evaluation_ablations/{study}.{suite}.log",
    benchmark:
        "<benchmarks>/evaluation_ablations/{study}.{suite}.jsonl"
