"""seqfuse: the DAG at a glance.

    snakemake                     the demo: report in results/demo/report/report.html
    snakemake language | codons   one study
    snakemake probes              what can be read off the states of study A's models
    snakemake ablations           variants of the methods beside them, in their own report
    snakemake --profile slurm     the papers' scale on a cluster

Each stage is one rule file, one folder of workflow/seqfuse/ and one folder of results/, all of the
same name. The order of the includes is the order of the DAG.
"""

from snakemake.utils import min_version

from seqfuse.plan.submission import array_task, unwatched
from seqfuse.plan.terminal import notices
from seqfuse.plan.terminal.handler import stand_before

min_version("9.20")

if workflow.remote_exec:
    array_task.take_over(workflow.snakemake_tmp_dir)


include: "workflow/rules/common.smk"


if not (workflow.remote_exec or workflow.subprocess_exec):
    notices.say(settings)
    end = stand_before(
        logger,
        workflow,
        plan.results,
        lambda: notices.next_steps(settings, workflow.dag),
    )


# common.smk has read it already, under --configfile and --config; here Snakemake registers it.
configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/data.smk"
include: "workflow/rules/sequences.smk"
include: "workflow/rules/embeddings.smk"
include: "workflow/rules/language.smk"
include: "workflow/rules/codons.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


onstart:
    folders.claim(plan.results, settings["preset"])
    before_submission(workflow)
    unwatched.listen(logger, workflow)


onsuccess:
    unwatched.end(workflow, finished=True)
    end()


onerror:
    unwatched.end(workflow, finished=False)


rule all:
    """The report, with everything it shows."""
    default_target: True
    input:
        "<results>/report/report.html",
        artifacts.of_report(),


rule language:
    """Study A: metrics and figures of every suite."""
    input:
        artifacts.of_study("language"),


rule codons:
    """Study B: metrics and figures of every dataset."""
    input:
        artifacts.of_study("codons"),


rule probes:
    """Linear probes of the trained methods of study A, and their figures."""
    input:
        artifacts.of_probes(),


rule ablations:
    """Variants of the methods and ablations of the arms, beside the originals."""
    input:
        "<results>/ablations/report.html",
        artifacts.of_report(ablations=True),
