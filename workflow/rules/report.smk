"""report: one HTML file of everything a run found, which opens without a network."""


rule report_settings:
    """Record the configuration of a run."""
    output:
        "<results>/report/settings.json",
    log:
        "<logs>/report_settings.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        # A function, because Snakemake would fill in the {braces} of a text.
        settings=lambda wildcards: as_json(settings),
    shell:
        "printf '%s' {params.settings:q} | python -m json.tool --no-ensure-ascii"
        " > {output} 2> {log}"


rule report:
    """Lay out verdicts, figures, tables and data cards."""
    input:
        unpack(artifacts.report_inputs),
        settings="<results>/report/settings.json",
    output:
        report(
            "<results>/report/report.html",
            caption="../report/report.rst",
            category="The whole run",
        ),
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.jsonl"
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        code=code(
            "seqfuse.report.build",
            "seqfuse.registry.figures",
            "seqfuse.registry.titles",
            "seqfuse.registry.subsets",
            "seqfuse.registry.metrics",
            *plan.plugins,
        ),
        run=settings["run"],
        files=lambda wildcards, input: flags(dict(input.items())),
    shell:
        "exec seqfuse report --run {params.run} {params.files} --out {output} 2> {log}"


use rule report as report_ablations with:
    input:
        unpack(artifacts.ablation_inputs),
        settings="<results>/report/settings.json",
    output:
        "<results>/ablations/report.html",
    log:
        "<logs>/report_ablations.log",
    benchmark:
        "<benchmarks>/report_ablations.jsonl"
