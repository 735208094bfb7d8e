"""embeddings: a table's sequences and an encoder in; rows in the store and a receipt out.

The store lies outside the run and is addressed by what it holds, so runs share it. The receipt
names the store, the key, and what of the table it covers. A set may be embedded in parts
(`jobs.sequences_a_part`): the job behind them finds all rows in the store.
"""


rule embeddings:
    """Embed what the store does not hold yet of one view of a dataset."""
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
        # A function's result is taken as it is; of text, Snakemake would fill in {braces}.
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
