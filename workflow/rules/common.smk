"""What the stages share: the resolved configuration, and the plan of the run (seqfuse/plan/).

Rules ask `plan` what the run is made of, `artifacts` which files it makes, `inputs` what a job
reads and `needs` which resources it requests. All of that is plain code with tests of its own.
"""

import os
import sys
from pathlib import Path

from snakemake.common.tbdstring import TBDString
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

from seqfuse.data import download, pretrained_models
from seqfuse.errors import UserError, told_as
from seqfuse.fingerprint import PLUGINS, code
from seqfuse.plan import dry_run, folders, job_log
from seqfuse.plan.artifacts import Artifacts
from seqfuse.plan.inputs import Inputs
from seqfuse.plan.params import (
    as_json,
    compared_by,
    either,
    omit,
    reads,
    tracked,
    untracked,
)
from seqfuse.plan.rehearsal import budget
from seqfuse.plan.run import Run
from seqfuse.plan.submission import canaries, slurm
from seqfuse.plan.submission.launch import launched
from seqfuse.plan.submission.resources import Needs
from seqfuse.registry.arms import ARMS
from seqfuse.registry.figures import FIGURES, STUDIES
from seqfuse.registry.judges import REFERENCES
from seqfuse.settings import configuration, sources
from seqfuse.settings import datasets as dataset_entries
from seqfuse.settings import models as model_entries
from seqfuse.settings.cli_flags import flags

with told_as("configuration error"):
    settings = sources.resolve(workflow.basedir, workflow.config_settings)

# For the commands of all jobs, and for the hashes of their code.
os.environ[PLUGINS] = os.pathsep.join(settings["plugins"])
plan = Run(settings)
with told_as("cannot run here"):
    folders.check(plan.results, settings)
artifacts, inputs = Artifacts(plan), Inputs(plan)
needs = Needs(plan, inputs, unknown=TBDString)
in_conda = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method

logger.addFilter(job_log.JobLog(workflow, settings))

if workflow.remote_exec:  # jobs on a node use only what was fetched
    os.environ.update(HF_HUB_OFFLINE="1")

if in_conda:
    # Snakemake copies environment files, so that none can install the package by a relative path.
    shell.prefix(
        f'set -euo pipefail; export PATH="{workflow.basedir}/workflow/bin:$PATH"; '
    )


pathvars:
    results=plan.results,
    logs=f"{plan.results}/logs",
    benchmarks=f"{plan.results}/benchmarks",


# The state that a stage keeps to resume from. No rule declares it, because Snakemake removes the
# declared outputs of a failed job; path variables such as <results> cannot be used in params.
STATE = f"{plan.results}/state"


# Jobs that read data for the first time go first, to find mistakes before models are trained.
FINDS_MISTAKES = 1


wildcard_constraints:
    dataset="[^/]+",
    suite="[^/]+",
    method="[^/]+",
    arm="[^/]+",
    encoder="(?!fused@)[^/]+",
    model="[^/@]+",
    view="sequence|dna|rna|protein",
    study="language|codons",


def before_submission(workflow):
    """Check budget, queue and nodes before the first job goes to Slurm; a refusal is one line."""
    jobs = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
    if workflow.executor_plugin.name != "slurm" or not jobs:
        return
    partitions = workflow.executor_settings.partition_config
    with told_as("configuration error"):
        named = [(job.rule.name, job.wildcards) for job in jobs]
        budget.hold(lambda: needs.estimates, named, settings["budget_gpu_hours"])
    with told_as("cluster error"):
        slurm.prepare(Path.cwd(), slurm.Submission.of(workflow), jobs)
        # In conda each job has an environment of its own, which this process does not know.
        if settings["gpu"]["canary"] and not in_conda:
            canaries.before_submission(jobs, plan, needs.threads("gpu"), partitions)


def start(command):
    """A training command as its shell runs it, in as many processes as `gpu` asks for."""
    return launched(command, settings["gpu"], needs.threads("gpu"))


# Messages about sources that are not available, each printed once.
lacking = set()


def check_available(made, check, *facts):
    """Stop with one line if the source of something that is not made yet is not available; a dry
    run prints the line and goes on."""
    if os.path.exists(os.path.join(plan.results, "data", made)):
        return
    try:
        check(*facts)
    except UserError as error:
        if workflow.executor_plugin is not None and not workflow.dryrun:
            sys.exit(f"configuration error: {error}")
        elif str(error) not in lacking:
            lacking.add(str(error))
            print(f"{dry_run.LACKING}{error}", file=sys.stderr)


def own_files(wildcards):
    """The user's own files that a dataset is read from."""
    name, mirror = wildcards.dataset, settings["mirror"]
    entry = settings["datasets"][name]
    split_by = dataset_entries.cleaning(entry, settings["sequences"])["split_by"]
    made, facts = f"{name}/records.parquet", (name, entry, mirror, split_by)
    check_available(made, download.check_entry, *facts)
    return download.unpinned(entry, mirror)


def own_checkpoint(wildcards):
    """The user's own files that a model is read from."""
    name, entry = wildcards.model, settings["models"][wildcards.model]
    made = f"models/{name}/manifest.json"
    check_available(made, pretrained_models.check_entry, name, entry)
    return pretrained_models.own_files(entry)
