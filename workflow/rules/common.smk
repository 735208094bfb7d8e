"""What the stages share: the resolved configuration, and which files a run is made of.

Functions that take `wildcards` are input or params functions of a rule; the others are called once.
"""

import json
import os
import re
import sys
from pathlib import Path

from snakemake.common.tbdstring import TBDString
from snakemake.settings.types import DeploymentMethod

from seqfuse.canary import submitted
from seqfuse.data import download, pretrained_models
from seqfuse.encoders import random_models
from seqfuse.errors import UserError
from seqfuse.files import sha256
from seqfuse.fingerprint import code
from seqfuse.plan import canaries, disk, dry_run, slurm
from seqfuse.registry.arms import ARMS
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.figures import FIGURES, STUDIES
from seqfuse.registry.judges import REFERENCES
from seqfuse.registry.layouts import LAYOUTS
from seqfuse.registry.methods import METHODS, OWN_SETTINGS
from seqfuse.settings import configuration
from seqfuse.settings import datasets as dataset_entries
from seqfuse.settings.cli_flags import flags
from seqfuse.settings.paths import RESOURCES

try:
    settings = configuration.resolve(config)
except UserError as error:
    # One line for the user; an exception would come with a traceback.
    sys.exit(f"configuration error: {error}")

if workflow.remote_exec:
    # A job on a node computes from what was fetched; nodes often have no network.
    os.environ.update(HF_HUB_OFFLINE="1")

if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
    # Snakemake copies the files of environments, so that none can install the package by its path.
    shell.prefix(
        f'set -euo pipefail; export PATH="{workflow.basedir}/workflow/bin:$PATH"; '
    )


RESULTS = f"results/{settings['run']}"


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


# What a stage keeps for itself to resume from. No rule declares it, because Snakemake removes what
# a failed job declared; path variables such as <results> do not reach params.
STATE = f"{RESULTS}/state"
SEEDS = settings["seeds"]
SUITES = settings["language"]["suites"] if "language" in settings["studies"] else {}
CODON_SETS = settings["codons"]["datasets"] if "codons" in settings["studies"] else []


# What figures need of the interpretation of study B, and the table that has it.
INTERPRETED = {
    "knockouts": "knockout",
    "mutagenesis": "mutagenesis",
    "usage": "codons",
    "attention": "attention",
    "fused": "fused",
}

# What a run would stop for, each said once.
lacking = set()


wildcard_constraints:
    dataset="[^/]+",
    suite="[^/]+",
    method="[^/.]+",
    arm="[^/.]+",
    encoder="[^/]+",
    model="[^/@]+",
    view="sequence|dna|rna|protein",
    study="language|codons",


def before_submission(workflow):
    """What is held to the site before the first job goes to Slurm; one line if it refuses."""
    if workflow.executor_plugin.name != "slurm":
        return
    jobs = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
    if not jobs:
        return
    try:
        partitions = workflow.executor_settings.partition_config
        slurm.prepare(Path.cwd(), partitions, [job.resources for job in jobs])
        # In conda each job has an environment of its own, which this process does not know.
        alone = (
            DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method
        )
        if settings["gpu"]["canary"] and alone:
            try_partitions(jobs, partitions)
    except UserError as error:
        sys.exit(f"cluster error: {error}")


def try_partitions(jobs, partitions):
    """A canary for each kind of job with GPUs of this plan."""
    gpu = settings["gpu"]
    requests = {}
    for job in jobs:
        asked, several = job.resources.get("gpu"), gpu["count"] * gpu["nodes"]
        if asked and asked == several > 1:
            command = launched(f"seqfuse canary --gpus {gpu['count']}")
            requests["training"] = canaries.Request(
                "training", job.resources, command, several
            )
        elif asked:
            command = "seqfuse canary --gpus 1"
            requests["one_gpu"] = canaries.Request("one_gpu", job.resources, command)
    if requests:
        here = submitted.look(shared_folders(jobs), written_mb(jobs), slurm=True)
        canaries.try_partitions(
            list(requests.values()), partitions, here, Path(RESULTS), gpu["memory_gb"]
        )


def shared_folders(jobs):
    """The folders that a node must have for these jobs, by what they are for."""
    models = {
        os.path.basename(path).removesuffix("@random")
        for job in jobs
        for path in job.input
        if os.path.dirname(path) == os.path.join(RESULTS, "data", "models")
    }
    # Models of the hub are links into its cache.
    linked = any(settings["models"][name]["kind"] == "hub" for name in models)
    return {"results": RESULTS, "store": settings["store"]} | (
        {"HF_HOME": submitted.hub_home()} if linked else {}
    )


def written_mb(jobs):
    """What these jobs write at most into the store and elsewhere (MB), as far as it is known."""
    total = {"results": 0, "store": 0}
    for job in jobs:
        known = job.resources.get("disk_mb")
        if isinstance(known, int):
            total["store" if job.rule.name == "embeddings" else "results"] += known
    return total


# --- resources ---------------------------------------------------------------------------------


def threads_of(kind):
    """Threads of a kind of job; fixed, because another number changes the bits of a result."""
    return settings["jobs"][kind]["threads"]


def mem_mb(kind):
    """Memory of a kind of job (MB) and thrice what it reads, growing with each attempt."""
    base = settings["jobs"][kind]["mem_mb"]
    return lambda wildcards, input, attempt: attempt * (
        base + 3 * (disk.size(input) // 1_000_000)
    )


def runtime(kind, seeds=1):
    """Minutes of a kind of job that runs so many seeds, growing with each attempt."""
    minutes = seeds * settings["jobs"][kind]["runtime"]
    return lambda wildcards, attempt: attempt * minutes


def disk_mb(estimate):
    """Disk of a job (MB) by what `estimate(wildcards, input)` says in bytes, and its tables: what it
    writes of them is at most twice what it reads. Unknown while an input is not there, and where
    one cannot be read, of which the job will tell.
    """

    def rounded(wildcards, input):
        tables = [path for path in input if str(path).endswith(".parquet")]
        try:
            found = estimate(wildcards, input) + 2 * disk.size(tables)
        except (OSError, disk.Unreadable):
            return TBDString()
        return -(-found // 1_000_000)

    return rounded


def tables_disk(wildcards, input):
    """A job that writes nothing but tables."""
    return 0


def embeddings_disk(wildcards, input):
    """What the store grows by at most."""
    name = wildcards.encoder.removesuffix("@random")
    name = model_of(name, "encoder") if name in pretrainings() else name
    return disk.embeddings(
        input.table,
        embedded_columns(wildcards).split(),
        embedded_resolution(wildcards),
        input.model,
        settings["models"][name]["layout"],
        settings["embeddings"],
    )


def finetune_disk(wildcards, input):
    """Checkpoints, and the memory map of the states that a method reads."""
    found = disk.mapped(input.embeddings)
    if method(wildcards.method).generates:
        given = finetuning(wildcards.suite, wildcards.method)
        rates = given["learning_rate"]
        trials = len(rates) if isinstance(rates, list) else 1
        rank = given["lora_rank"]
        found += disk.finetuning(input.backbone, len(SEEDS), trials, rank)
    return found


def pretrain_disk(wildcards, input):
    """Checkpoints of the encoder."""
    return disk.finetuning(input.encoder, seeds=1, trials=1, lora_rank=0)


def arm_disk(wildcards, input):
    """Checkpoints of a head and of encoders that are trained with it, and memory maps."""
    given, arm = arm_training(wildcards.arm), ARMS[wildcards.arm]
    rank = given["lora_rank"] if arm.tuning == "lora" else 0
    models = [disk.weights(input[name], rank) for name in arm_models(wildcards)]
    head = disk.head(given["parameter_budget"], given["width"], given["channels"])
    trained = head + sum(trained for _, trained in models)
    saved = head + sum(whole for whole, _ in models)
    entropies = len(given["entropy"]) if arm.entropy else 1
    trials = len(given["learning_rate"]) * entropies
    return disk.checkpoints(saved, trained, len(SEEDS), trials) + disk.mapped(
        input[name] for name in arm_embeddings(wildcards)
    )


def interpretation_disk(wildcards, input):
    """Memory maps of what the fusions read."""
    return disk.mapped(input[view] for view in fused_embeddings(wildcards))


def training_resources(disk_of, seeds=len(SEEDS)):
    """What a training job asks for. Of several nodes, the job's own shell line starts the
    processes (srun), so that Slurm must not: `mpi`, and no task for each GPU."""
    gpu = settings["gpu"]
    several = {
        "nodes": gpu["nodes"],
        "tasks": gpu["nodes"],
        "mpi": "srun",
        "tasks_per_gpu": 0,
    }
    return {
        "gpu": gpu["count"] * gpu["nodes"],
        "gpu_model": gpu["model"],
        "mem_mb": mem_mb("gpu"),
        "disk_mb": disk_mb(disk_of),
        "runtime": runtime("gpu", seeds),
        "nodes": 1,
    } | (several if gpu["nodes"] > 1 else {})


def launched(command):
    """A training command as its shell runs it: plain in one process, else through a launcher.

    On one node that is accelerate's, whose `--multi_gpu` means torch's own, which hands SIGTERM on
    to the trainers and starts them on CPUs too; port 0 is any that is free. Over several nodes it
    is torch's own by its name, one a node under srun: they find each other, whereas accelerate's
    must be told each node's rank and refuses a port that another node of the same host holds.
    """
    each, nodes = settings["gpu"]["count"], settings["gpu"]["nodes"]
    if each * nodes == 1:
        return command
    if nodes == 1:
        words = [
            "accelerate launch --multi_gpu --mixed_precision no --dynamo_backend no",
            f"--num_machines 1 --num_processes {each} --main_process_port 0 --no_python",
        ]
    else:
        words = [
            f"srun --nodes {nodes} --ntasks {nodes} --ntasks-per-node 1"
            f" --cpus-per-task {each * threads_of('gpu')} --kill-on-bad-exit=1",
            f"torchrun --nnodes {nodes} --nproc-per-node {each} --rdzv-backend c10d",
            "--rdzv-endpoint $(hostname):$((20000 + SLURM_JOB_ID % 20000))",
            "--rdzv-id $SLURM_JOB_ID --no-python",
        ]
    return " ".join([*words, command, "--processes", str(each * nodes)])


# --- suites, datasets, models --------------------------------------------------------------------


def as_json(entry):
    """One catalogue entry, or a part of it, so that a change of it re-runs what is made from it."""
    return json.dumps(entry, sort_keys=True)


def method(name):
    """The catalogue's entry of a method, or of the method that a variant varies."""
    variants = settings["language"]["variants"]
    return METHODS[variants[name]["method"] if name in variants else name]


def either(names):
    """A regular expression that matches exactly these names, or nothing."""
    return "|".join(sorted(map(re.escape, names))) or "(?!)"


def suites(study):
    """The suites of a study and their datasets; a codon set is a suite of its own."""
    return SUITES if study == "language" else {name: [name] for name in CODON_SETS}


def datasets(study):
    """Every dataset of a study, once."""
    return list(
        dict.fromkeys(name for names in suites(study).values() for name in names)
    )


def runs(study):
    """The methods or arms of a study."""
    return (
        settings["language"]["methods"]
        if study == "language"
        else settings["codons"]["arms"]
    )


def ablated(study):
    """What `snakemake ablations` compares: the runs of a study and what varies them."""
    varied = (
        settings["language"]["variants"]
        if study == "language"
        else settings["codons"]["ablations"]
    )
    return list(dict.fromkeys([*runs(study), *varied]))


def pretrained():
    """Whether a method of this run starts from SeqCLIP's pre-training."""
    return bool(SUITES) and any(method(name).pretrained for name in runs("language"))


def pretraining_of(name):
    """The pre-training that a method or variant starts from: SeqCLIP's, or a variant's own where it
    names another encoder or backbone or other settings of pre-training."""
    varied = settings["language"]["variants"].get(name, {})
    return name if varied.keys() & {"pretrain", "encoder", "backbone"} else "seqclip"


def pretrainings():
    """Every pre-training that a run of this configuration may want."""
    names = settings["language"]["variants"]
    return {
        "seqclip",
        *(pretraining_of(name) for name in names if method(name).pretrained),
    }


def contrasting(name):
    """The settings of one pre-training."""
    language = settings["language"]
    varied = language["variants"].get(name, {}).get("pretrain", {})
    return configuration.merge(omit(language["pretrain"], "dataset"), varied)


def model_folder(name):
    """The checkpoint folder of a model; a pre-training of this run has one, too."""
    if name in pretrainings():
        return f"<results>/language/pretrain/{name}/encoder"
    return f"<results>/data/models/{name}"


def layout(name):
    """The module that implements a model's layout, if we do; an edit of it re-runs all below."""
    known = LAYOUTS.get(settings["models"][name]["layout"])
    return [known[0]] if known else []


def check_available(made, check, *facts):
    """Stop with one line where something that is not made yet cannot be had; a dry run says so and
    plans on."""
    if os.path.exists(os.path.join(RESULTS, "data", made)):
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
    """The files of one's own that a dataset is read from."""
    name, mirror = wildcards.dataset, settings["mirror"]
    found = settings["datasets"][name]
    check_available(
        f"{name}/records.parquet", download.check_entry, name, found, mirror
    )
    return download.unpinned(found, mirror)


def model_text(wildcards):
    """The records whose text a scratch language model learns its tokeniser from."""
    entry = settings["models"][wildcards.model]
    check_available(
        f"models/{wildcards.model}",
        pretrained_models.check_entry,
        wildcards.model,
        entry,
    )
    if entry["kind"] != "scratch" or entry["layout"] not in random_models.TEXT_LAYOUTS:
        return []
    names = datasets("language")
    if pretrained():
        names = names + [settings["language"]["pretrain"]["dataset"]]
    return collect("<results>/data/{dataset}/records.parquet", dataset=names)


def records(wildcards):
    """The cleaned records of every dataset of a suite."""
    names = suites(getattr(wildcards, "study", "language"))[wildcards.suite]
    return collect("<results>/sequences/{dataset}/records.parquet", dataset=names)


def data_cards(wildcards):
    """What the catalogue says of every dataset of a suite: title, licence, citation."""
    return collect(
        "<results>/data/{dataset}/card.json", dataset=SUITES[wildcards.suite]
    )


# --- settings of one stage -------------------------------------------------------------------------


def omit(section, *keys):
    """A section of the settings without some of its keys."""
    return {key: value for key, value in section.items() if key not in keys}


def cleaning(dataset):
    """The cleaning policies of a dataset: its catalogue entry's over the configuration's."""
    return dataset_entries.cleaning(
        settings["datasets"][dataset], settings["sequences"]
    )


def expected_rows(dataset):
    """How many rows of each split a dataset's source counts, as flags."""
    expected = settings["datasets"][dataset].get("rows")
    return flags(
        {"expected": [f"{k}={n}" for k, n in expected.items()]} if expected else {}
    )


def board(*place):
    """Where TensorBoard finds a training's log, as a flag, if it is wanted."""
    wanted = settings["language"]["tensorboard"]
    return flags(
        {
            "tensorboard": (
                os.path.join(RESULTS, "tensorboard", *place) if wanted else None
            )
        }
    )


def aliases(names):
    """The aliases of the labels of some datasets as JSON, or None."""
    entries = {name: settings["datasets"][name].get("aliases") for name in names}
    found = {name: given for name, given in entries.items() if given}
    return json.dumps(found, sort_keys=True) if found else None


def finetuning(suite, name):
    """The settings that one method or variant is fine-tuned with on a suite, and no other's."""
    language, base = settings["language"], method(name).name
    training = language["training"]
    for changed in (suite, base):
        training = configuration.merge(training, language["overrides"].get(changed, {}))
    own = language[base] if base in OWN_SETTINGS else {}
    variant = omit(
        language["variants"].get(name, {}), "method", "backbone", "encoder", "pretrain"
    )
    return {**language["prompt"], **training, **own, **variant}


def model_of(name, kind):
    """The backbone or encoder of a method, or the other one that a variant names."""
    language = settings["language"]
    return language["variants"].get(name, {}).get(kind, language[kind])


def encoder_of(name):
    """The encoder whose states a method or variant reads."""
    return (
        pretraining_of(name) if method(name).pretrained else model_of(name, "encoder")
    )


def implementation(name):
    """The module that implements a method, for the hash of its code."""
    return method(name).implementation.split(":")[0]


def fusion(arm):
    """The modules that only an arm is made of: its fusion, and encoders that it trains."""
    return ARMS[arm].modules


def judge_prompts():
    """The hash of each judge prompt, so that an edit re-judges."""
    folder = RESOURCES / "judge"
    return {path.name: sha256(path) for path in sorted(folder.iterdir())}


# --- inputs ------------------------------------------------------------------------------------------


def embedded_table(wildcards):
    """Where the sequences to embed stand: the records, or one view of the codon frames."""
    table = "records" if wildcards.view == "sequence" else "frames"
    return f"<results>/sequences/{wildcards.dataset}/{table}.parquet"


def embedded_columns(wildcards):
    """The columns of it to embed."""
    return "sequence variant" if wildcards.view == "sequence" else wildcards.view


def embedded_resolution(wildcards):
    """What a stored state stands for: RNA's letters are averaged over codons."""
    return "codon" if wildcards.view == "rna" else "native"


def language_embeddings(wildcards):
    """The receipts of the frozen encoder states that a method reads, one a dataset."""
    run = method(wildcards.method)
    if not run.reads_store:
        return []
    return collect(
        "<results>/embeddings/{dataset}/sequence.{encoder}.json",
        dataset=SUITES[wildcards.suite],
        encoder=encoder_of(wildcards.method),
    )


def method_encoder(wildcards):
    """The encoder that a method reads states of."""
    run = method(wildcards.method)
    if not run.reads_store:
        return []
    return [model_folder(encoder_of(wildcards.method))]


def language_backbone(wildcards):
    """The language model that a method or variant starts from."""
    return model_folder(model_of(wildcards.method, "backbone"))


def pretrained_adapter(wildcards):
    """SeqCLIP's adapter, for the methods that start from it."""
    if not method(wildcards.method).pretrained:
        return []
    return [
        f"<results>/language/pretrain/{pretraining_of(wildcards.method)}/adapter.safetensors"
    ]


def tuned_encoder(wildcards):
    """The encoder that a method trains with itself."""
    if not method(wildcards.method).trains_encoder:
        return []
    return [model_folder(model_of(wildcards.method, "encoder"))]


def arm_embeddings(wildcards):
    """The receipts of an arm's modalities, by modality."""
    arm = ARMS[wildcards.arm]
    weights = "@random" if arm.random else ""
    return {
        modality: (
            f"<results>/embeddings/{arm_set(wildcards)}/"
            f"{modality}.{settings['codons']['encoders'][modality]}{weights}.json"
        )
        for modality in arm.modalities
        if modality not in arm.trains(arm_training(arm.name)["tuned"])
    }


def arm_models(wildcards):
    """The encoders that an arm trains, by the flag that takes them."""
    tuned = ARMS[wildcards.arm].trains(arm_training(wildcards.arm)["tuned"])
    return {
        f"{modality}_model": model_folder(settings["codons"]["encoders"][modality])
        for modality in tuned
    }


def arm_set(wildcards):
    """The set whose frames an arm reads: the dataset, or the dataset with shuffled codons."""
    shuffled = ARMS[wildcards.arm].shuffled
    return f"{wildcards.dataset}@{shuffled}" if shuffled else wildcards.dataset


def arm_training(arm):
    """The settings that one arm is trained with."""
    codons = settings["codons"]
    return configuration.merge(codons["training"], codons["overrides"].get(arm, {}))


def fusions():
    """The fusions of this run that read stored embeddings of the set, which are interpreted."""
    joined = [arm for arm in map(ARMS.get, runs("codons")) if len(arm.modalities) > 1]
    return [
        arm.name for arm in joined if not (arm.tuning or arm.shuffled or arm.random)
    ]


def fused_embeddings(wildcards):
    """The receipts of every modality that a fusion of this run reads."""
    views = dict.fromkeys(view for arm in fusions() for view in ARMS[arm].modalities)
    return {
        view: f"<results>/embeddings/{wildcards.dataset}/"
        f"{view}.{settings['codons']['encoders'][view]}.json"
        for view in views
    }


def single_arms():
    """The arms of one modality in this run, which late fusion is made from."""
    made_of = CONTROLS["codons"]["late_mean"].made_of
    return [name for name in made_of if name in settings["codons"]["arms"]]


def judged(among=runs):
    """The (suite, method) pairs whose reasoning is judged: what is generated, and the controls."""
    if not settings["language"]["prompt"]["reasoning"]:
        return []
    generating = [name for name in among("language") if method(name).generates]
    return [
        (suite, name)
        for suite, names in SUITES.items()
        if any(
            dataset_entries.has_reasoning(settings["datasets"][name]) for name in names
        )
        for name in [*generating, *REFERENCES]
    ]


def probed():
    """The (suite, method) pairs that are asked again with altered DNA."""
    return [
        (suite, name)
        for suite in SUITES
        if suite not in settings["language"]["probe"]["exclude_suites"]
        for name in runs("language")
        if method(name).sees_dna
    ]


def judged_predictions(wildcards):
    """The predictions that are judged; a control of the judge is made from the records alone."""
    if wildcards.method in REFERENCES:
        return []
    return "<results>/language/{suite}/{method}/predictions.parquet"


def variant_sets(suite):
    """The datasets of a suite that have variants."""
    return [
        name
        for name in SUITES[suite]
        if dataset_entries.has_variants(settings["datasets"][name])
    ]


def attended():
    """The (suite, method) pairs whose attention to a variant is looked at."""
    return [
        (suite, name)
        for suite in SUITES
        if settings["language"]["attention"]["rows"] and variant_sets(suite)
        for name in runs("language")
        if name == "onevocab"
    ]


def artifact_paths(need, study, suite=None, among=runs):
    """The files of one kind that a study (or one suite of it) makes, as figures ask for them.

    `among` gives the methods or arms, `runs` or `ablated`.
    """
    names = [suite] if suite else list(suites(study))
    folder = {
        "language": "<results>/language/{suite}/{run}",
        "codons": "<results>/codons/{suite}/{run}",
    }
    trained = f"{folder[study]}/model" if study == "language" else folder[study]
    if need == "verdicts":
        pairs = judged(among) if study == "language" else []
        return [f"<results>/judge/{suite}/{name}.parquet" for suite, name in pairs]
    if need == "looks":
        pairs = attended() if study == "language" else []
        return [
            f"<results>/language/{attended_suite}/{name}/attention.parquet"
            for attended_suite, name in pairs
            if attended_suite in names
        ]
    if need == "probes":
        pairs = probed() if study == "language" else []
        return [
            f"<results>/language/{probed_suite}/{name}/probes.parquet"
            for probed_suite, name in pairs
            if probed_suite in names
        ]
    if need == "answers":
        pairs = judged() if study == "language" else []
        return [
            f"<results>/language/{judged_suite}/{name}/predictions.parquet"
            for judged_suite, name in pairs
            if name not in REFERENCES
        ]
    if need == "vectors":
        shown = [
            name
            for name in (runs("language") if study == "language" else [])
            if method(name).sees_dna and method(name).generates
        ]
        before = "<results>/language/pretrain/seqclip/vectors.parquet"
        return collect(f"{folder[study]}/inputs.parquet", suite=names, run=shown) + [
            before
        ] * (study == "language" and pretrained())
    if need == "settings":
        return ["<results>/report/settings.json"]
    if need == "leakage":
        wanted = study == "language" and pretrained()
        return ["<results>/language/pretrain/leakage.json"] if wanted else []
    if need in INTERPRETED:
        asked = fusions()
        if need == "attention":
            asked = [arm for arm in asked if ARMS[arm].fusion == ARMS["xattn"].fusion]
        pattern = (
            f"<results>/codons/{{suite}}/interpretation/{INTERPRETED[need]}.parquet"
        )
        return collect(pattern, suite=names) if asked else []
    pattern, run = {
        "metrics": ("<results>/evaluation/{study}/{suite}/metrics.parquet", None),
        "comparisons": (
            "<results>/evaluation/{study}/{suite}/comparisons.parquet",
            None,
        ),
        "calibration": (
            "<results>/evaluation/{study}/{suite}/calibration.parquet",
            None,
        ),
        "controls": ("<results>/controls/{study}/{suite}/predictions.parquet", None),
        "predictions": (f"{folder[study]}/predictions.parquet", among(study)),
        "logs": (f"{trained}/log.jsonl", among(study)),
        "costs": (f"{trained}/cost.json", among(study)),
        "weights": (
            f"{folder[study]}/weights.parquet",
            [arm for arm in among(study) if study == "codons" and ARMS[arm].weighs],
        ),
        "records": ("<results>/sequences/{dataset}/records.parquet", None),
        "references": ("<results>/sequences/{dataset}/records.parquet", None),
        "audits": ("<results>/sequences/{dataset}/audit.json", None),
        "cards": ("<results>/data/{dataset}/card.json", None),
    }[need]
    return (
        collect(
            pattern, study=study, suite=names, run=run or [""], dataset=datasets(study)
        )
        if run != []
        else []
    )


def needed(figure, need):
    """The files of one kind that a figure is drawn from, the ablations' if it is one of theirs."""
    if figure.ablations and need in ("metrics", "comparisons"):
        return ablations(figure.study, need)
    return artifact_paths(
        need, figure.study, among=ablated if figure.ablations else runs
    )


def drawable(figure):
    """Whether a run has everything that a figure is drawn from."""
    tasks = {
        dataset_entries.validate(name, settings["datasets"][name])["task"]
        for name in datasets(figure.study)
    }
    return (
        bool(tasks)
        and (figure.task is None or figure.task in tasks)
        and all(needed(figure, need) for need in figure.needs)
    )


def figures(study, of_ablations=False):
    """The figures of a study, or of its ablations, that this run can draw."""
    names = [
        name
        for name, figure in FIGURES.items()
        if figure.study == study
        and figure.ablations == of_ablations
        and drawable(figure)
    ]
    folder = "ablations/figures" if of_ablations else "figures"
    return collect(f"<results>/{folder}/{{figure}}.svg", figure=names)


def figure_inputs(wildcards):
    """What one figure is drawn from, by kind."""
    figure = FIGURES[wildcards.figure]
    return {need: needed(figure, need) for need in figure.needs}


def ablations(study, kind):
    """The tables of one kind that compare a study's ablations."""
    return collect(
        f"<results>/ablations/{study}/{{suite}}/{kind}.parquet", suite=suites(study)
    )


def ablation_inputs(wildcards):
    """What the report of the ablations shows, by kind."""
    studies = settings["studies"]
    return {
        "metrics": [path for study in studies for path in ablations(study, "metrics")],
        "comparisons": [
            path for study in studies for path in ablations(study, "comparisons")
        ],
        "costs": [
            path
            for study in studies
            for path in artifact_paths("costs", study, among=ablated)
        ],
        "figures": [path for study in studies for path in figures(study, True)],
    }


def report_inputs(wildcards):
    """What the report shows, by kind."""
    studies = settings["studies"]
    kinds = (
        "metrics",
        "comparisons",
        "audits",
        "cards",
        "costs",
        "verdicts",
        "leakage",
    )
    found = {
        kind: [path for study in studies for path in artifact_paths(kind, study)]
        for kind in kinds
    }
    found["figures"] = [path for study in studies for path in figures(study)]
    return {kind: paths for kind, paths in found.items() if paths}
