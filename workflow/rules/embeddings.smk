"""embeddings: a table's sequences and an encoder in; rows in the store and a receipt out.

The store lies outside the run and is addressed by content, so that runs share it. The receipt names
the store, the key, and the part of the table that it covers. A set may be embedded in parts
(`jobs.sequences_a_part`); the job after them finds all rows in the store.
"""


rule embeddings:
    """Embed the sequences of one view of a dataset that the store does not hold yet."""
    input:
        parts=inputs.embedded_parts,
        table=inputs.embedded_table,
        model=lambda wildcards: plan.manifest(wildcards.encoder),
    output:
        "<results>/embeddings/{dataset}/{view}.{encoder}.json",
    log:
        "<logs>/embeddings/{dataset}.{view}.{encoder}.log",
    benchmark:
        "<benchmarks>/embeddings/{dataset}.{view}.{encoder}.jsonl"
    priority: FINDS_MISTAKES
    conda:
        "../../envs/embeddings.yaml"
    threads: needs.threads("gpu")
    resources:
        **needs.computing("embeddings", needs.embeddings_disk, needs.runtime("gpu")),
    params:
        code=code("seqfuse.embeddings.write"),
        model=subpath(input.model, parent=True),
        columns=inputs.embedded_columns,
        resolution=inputs.embedded_resolution,
        # A function, because Snakemake would fill in the {braces} of a text.
        store=lambda wildcards: settings["store"],
        part="",
        settings=flags(settings["embeddings"]),
    shell:
        "exec seqfuse embeddings write --table {input.table} --columns {params.columns}"
        " --model {params.model} --resolution {params.resolution} --store={params.store:q}"
        " {params.part} --threads {threads} {params.settings} --out {output} 2> {log}"


use rule embeddings as embeddings_part with:
    output:
        temp(
            "<results>/embeddings/{dataset}/parts/{view}.{encoder}.{part,[0-9]+of[0-9]+}.json"
        ),
    log:
        "<logs>/embeddings_part/{dataset}.{view}.{encoder}.{part}.log",
    benchmark:
        "<benchmarks>/embeddings_part/{dataset}.{view}.{encoder}.{part}.jsonl"
    resources:
        **needs.part(),
    params:
        part="--part {part}",
