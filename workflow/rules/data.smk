"""data: every dataset in one record schema, every model as a folder in its published layout.

All are local rules: downloads need a network, which compute nodes often do not have.
"""


rule data_records:
    """Fetch or generate one dataset, verify it, and write its records."""
    input:
        own_files,
    output:
        records="<results>/data/{dataset}/records.parquet",
        source="<results>/data/{dataset}/source.json",
    log:
        "<logs>/data_records/{dataset}.log",
    benchmark:
        "<benchmarks>/data_records/{dataset}.jsonl"
    priority: FINDS_MISTAKES
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        code=code("seqfuse.data.records"),
        content=lambda wildcards: as_json(
            dataset_entries.of_records(settings["datasets"][wildcards.dataset])
        ),
        # With `resources`, it is not compared: another title or place of the files re-runs nothing.
        entry=lambda wildcards, resources: as_json(
            settings["datasets"][wildcards.dataset]
        ),
        mirror=lambda wildcards, resources: flags(
            {"mirror": settings["mirror"] or None}
        ),
    shell:
        "exec seqfuse data records --name {wildcards.dataset} --entry {params.entry:q}"
        " {params.mirror} --out {output.records} --card {output.source} 2> {log}"


rule data_card:
    """Write a dataset's card: title, licence and citation, beside what was read."""
    input:
        "<results>/data/{dataset}/source.json",
    output:
        "<results>/data/{dataset}/card.json",
    log:
        "<logs>/data_card/{dataset}.log",
    benchmark:
        "<benchmarks>/data_card/{dataset}.jsonl"
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        code=code("seqfuse.data.card"),
        entry=lambda wildcards: as_json(
            dataset_entries.of_card(settings["datasets"][wildcards.dataset])
        ),
    shell:
        "exec seqfuse data card --name {wildcards.dataset} --entry {params.entry:q}"
        " --source {input} --out {output} 2> {log}"


rule data_model:
    """Fetch or generate one model's folder; scratch models learn their tokeniser from the data."""
    input:
        text=inputs.model_text,
        files=own_checkpoint,
    output:
        "<results>/data/models/{model}/manifest.json",
    log:
        "<logs>/data_model/{model}.log",
    benchmark:
        "<benchmarks>/data_model/{model}.jsonl"
    priority: FINDS_MISTAKES
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        code=lambda wildcards: code("seqfuse.data.model", *plan.layout(wildcards.model)),
        content=lambda wildcards: as_json(
            model_entries.of_folder(settings["models"][wildcards.model])
        ),
        entry=lambda wildcards, resources: as_json(settings["models"][wildcards.model]),
        text=lambda wildcards, input: flags({"text": list(input.text) or None}),
        out=subpath(output[0], parent=True),
    shell:
        "exec seqfuse data model --name {wildcards.model} --entry {params.entry:q}"
        " {params.text} --out {params.out} 2> {log}"
