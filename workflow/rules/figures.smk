"""figures: one figure or table per job, drawn from its own CSV."""


rule figures:
    """Write a figure's CSV, and draw the figure from it."""
    input:
        unpack(artifacts.figure_inputs),
    output:
        svg=report(
            "<results>/figures/{figure}.svg",
            caption="../report/figure.rst",
            category=lambda wildcards: STUDIES[FIGURES[wildcards.figure].study],
            labels=lambda wildcards: {"figure": FIGURES[wildcards.figure].title},
        ),
        png="<results>/figures/{figure}.png",
        csv="<results>/figures/{figure}.csv",
        markdown="<results>/figures/{figure}.md",
    log:
        "<logs>/figures/{figure}.log",
    benchmark:
        "<benchmarks>/figures/{figure}.jsonl"
    conda:
        "../../envs/figures.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        code=lambda wildcards: code(
            "seqfuse.figures.draw",
            "seqfuse.registry.titles",
            "seqfuse.registry.subsets",
            "seqfuse.registry.metrics",
            FIGURES[wildcards.figure].module,
            *plan.plugins,
        ),
        paper=plan.resources("paper"),
        title=lambda wildcards: FIGURES[wildcards.figure].title,
        caption=lambda wildcards: FIGURES[wildcards.figure].caption(
            settings["evaluation"]["confidence"]
        ),
        confidence=lambda wildcards: (
            flags({"confidence": settings["evaluation"]["confidence"]})
            if FIGURES[wildcards.figure].intervals
            else ""
        ),
        scratch=lambda wildcards: (
            "--scratch"
            if configuration.scratch(settings, FIGURES[wildcards.figure].study)
            else ""
        ),
        prefix=lambda wildcards, output: output.svg.removesuffix(".svg"),
        files=lambda wildcards, input: flags(dict(input.items())),
    shell:
        "exec seqfuse figures --figure {wildcards.figure} {params.files} {params.scratch}"
        " {params.confidence} --out {params.prefix} 2> {log}"


use rule figures as figures_ablations with:
    output:
        svg="<results>/ablations/figures/{figure}.svg",
        png="<results>/ablations/figures/{figure}.png",
        csv="<results>/ablations/figures/{figure}.csv",
        markdown="<results>/ablations/figures/{figure}.md",
    log:
        "<logs>/figures_ablations/{figure}.log",
    benchmark:
        "<benchmarks>/figures_ablations/{figure}.jsonl"
