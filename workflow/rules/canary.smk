"""canary: a job of a minute for each kind of job with GPUs, which tries what these need of a node.

It runs first in every plan that has such jobs to run, and never because of anything else: jobs wait
for its stamp, which is removed behind the last of them (see seqfuse/canary/order.py).
"""


rule canary:
    """Try a node with one GPU: the GPU, the folders that nodes share, and room."""
    output:
        temp("<results>/canary/one_gpu.passed"),
    log:
        "<logs>/canary/one_gpu.log",
    benchmark:
        "<benchmarks>/canary/one_gpu.jsonl"
    retries: 0
    conda:
        "../../envs/canary.yaml"
    threads: threads_of("gpu")
    resources:
        gpu=1,
        gpu_model=settings["gpu"]["model"],
        mem_mb=canary_mem_mb(1),
        runtime=CANARY_MINUTES,
    params:
        command="seqfuse canary --request one_gpu --gpus 1",
        findings=f"{RESULTS}/canary/one_gpu.json",
        settings=flags({"memory_gb": settings["gpu"]["memory_gb"]}),
    shell:
        "exec {params.command} {params.settings} --submitted"
        ' "${{SEQFUSE_SUBMITTED:?jobs must inherit the environment of snakemake (--export=ALL)}}"'
        " --findings {params.findings} --passed {output} 2> {log}"


use rule canary as canary_training with:
    # Several GPUs: the processes start as those of training do, and add up.
    output:
        temp("<results>/canary/training.passed"),
    log:
        "<logs>/canary/training.log",
    benchmark:
        "<benchmarks>/canary/training.jsonl"
    threads: threads_of("gpu") * settings["gpu"]["count"]
    resources:
        **training_resources(tables_disk)
        | {
            "mem_mb": canary_mem_mb(settings["gpu"]["count"]),
            "runtime": CANARY_MINUTES,
        },
    params:
        command=launched(
            f"seqfuse canary --request training --gpus {settings['gpu']['count']}"
        ),
        findings=f"{RESULTS}/canary/training.json",
        settings=flags({"memory_gb": settings["gpu"]["memory_gb"]}),
