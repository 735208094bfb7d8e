"""sequences: records in; cleaned records, rejected rows, an audit, and codon frames out."""


rule sequences:
    """Clean a dataset and audit its splits; a coding set also gets its codon frames."""
    input:
        "<results>/data/{dataset}/records.parquet",
    output:
        records="<results>/sequences/{dataset}/records.parquet",
        rejects="<results>/sequences/{dataset}/rejects.parquet",
        audit="<results>/sequences/{dataset}/audit.json",
        clusters="<results>/sequences/{dataset}/clusters.parquet",
    log:
        "<logs>/sequences/{dataset}.log",
    benchmark:
        "<benchmarks>/sequences/{dataset}.jsonl"
    wildcard_constraints:
        dataset=either(set(settings["datasets"]) - set(inputs.by_codon.framed_sets)),
    priority: FINDS_MISTAKES
    conda:
        "../../envs/sequences.yaml"
    threads: needs.threads("light")
    resources:
        mem_mb=needs.mem_mb("light"),
        disk_mb=needs.disk_mb(needs.tables_disk),
        runtime=needs.runtime("light"),
    params:
        code=code("seqfuse.sequences.clean"),
        out=subpath(output.records, parent=True),
        study=lambda wildcards: settings["datasets"][wildcards.dataset]["study"],
        cleaning=lambda wildcards: flags(plan.cleaning(wildcards.dataset)),
        coding=lambda wildcards: plan.said_to_code(wildcards.dataset),
        expected=lambda wildcards: plan.expected_rows(wildcards.dataset),
    shell:
        "exec seqfuse sequences --records {input} --study {params.study} {params.coding}"
        " {params.cleaning} {params.expected} --out {params.out} 2> {log}"


use rule sequences as sequences_codons with:
    output:
        records="<results>/sequences/{dataset}/records.parquet",
        rejects="<results>/sequences/{dataset}/rejects.parquet",
        audit="<results>/sequences/{dataset}/audit.json",
        clusters="<results>/sequences/{dataset}/clusters.parquet",
        frames="<results>/sequences/{dataset}/frames.parquet",
    wildcard_constraints:
        dataset=either(inputs.by_codon.framed_sets),
