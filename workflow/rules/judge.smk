"""judge: generated reasoning in; one row per verdict out, each stored the moment it arrives."""


rule judge:
    """Judge the reasoning of one method, or of a control, against the reference reasoning."""
    input:
        predictions=inputs.judged_predictions,
        records=inputs.records,
    output:
        "<results>/judge/{suite}/{method}.parquet",
    log:
        "<logs>/judge/{suite}.{method}.log",
    benchmark:
        "<benchmarks>/judge/{suite}.{method}.jsonl"
    localrule: True
    conda:
        "../../envs/judge.yaml"
    params:
        code=code("seqfuse.judge.judge"),
        prompts=plan.resources("judge"),
        datasets=lambda wildcards: plan.language_suites[wildcards.suite],
        predictions=lambda wildcards, input: flags(
            {"predictions": input.predictions or None}
        ),
        store=f"{STATE}/judge",
        settings=flags(tracked(settings["judge"], "judge")),
        more=lambda wildcards, resources: flags(untracked(settings["judge"], "judge")),
    shell:
        "exec seqfuse judge --suite {wildcards.suite} --method {wildcards.method}"
        " --datasets {params.datasets} --records {input.records}"
        " {params.predictions} --store {params.store} {params.settings} {params.more}"
        " --out {output} 2> {log}"
