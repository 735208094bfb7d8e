"""Download the datasets and models of a run ahead of time, and say first how much that is.

Makes a dry run with the same words as snakemake. Prints each missing dataset and model with the
size of its download, then runs the rules that make them. Run it on a machine with a network; the
jobs of a cluster then need none.

    seqfuse fetch --profile slurm --config preset=paper
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from seqfuse.data import download
from seqfuse.data.fetching import network
from seqfuse.errors import UserError, several
from seqfuse.plan import dry_run
from seqfuse.training.interruption.preemption import Interruption

RULES = ("data_records", "data_model")
_SECONDS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    dry_run.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    jobs = [job for job in dry_run.plan(dry_run.words(args, args.targets)) if job.rule in RULES]
    if not jobs:
        print("Nothing to download: every dataset and model is there.")
        return
    sizes = [size(job) for job in jobs]
    _refuse_without_network([job for job, total in zip(jobs, sizes, strict=True) if total != 0])
    for job, total in zip(jobs, sizes, strict=True):
        print(_announced(job, total), flush=True)
    _say_total(sizes)
    targets = [job.outputs[0] for job in jobs]
    call = [*dry_run.words(args, targets), "--keep-going", "--quiet", "all"]
    with Interruption():  # Ctrl-C reaches snakemake too, which ends by itself
        done = subprocess.run([sys.executable, "-m", "snakemake", *call])
    if done.returncode:
        raise UserError("not everything could be fetched (see above); what was fetched is kept")


def size(job: dry_run.Job) -> int | None:
    """The bytes that a job of these rules downloads; None if that cannot be known."""
    flags = _flags(job.command)
    sizes = _sizes(json.loads(flags["entry"][0]), flags.get("mirror", []))
    return None if None in sizes else sum(sizes)


def _announced(job: dry_run.Job, total: int | None) -> str:
    """One line about what a job downloads."""
    what = "nothing to download" if total == 0 else _in_words(total)
    return f"{job.rule.removeprefix('data_'):8} {_name(job):24} {what}"


def _name(job: dry_run.Job) -> str:
    """The dataset or model that a job makes."""
    return _flags(job.command)["name"][0]


def _refuse_without_network(jobs: list[dry_run.Job]) -> None:
    """Stop in one line if no server that these jobs download from can be reached."""
    hosts = sorted({host for job in jobs for host in _hosts(job)})
    reasons = {host: _unreachable(host) for host in hosts}
    if reasons and all(reasons.values()):
        why = "; ".join(sorted(set(filter(None, reasons.values()))))
        raise UserError(
            f"cannot reach {', '.join(hosts)} ({why}), so {several([*map(_name, jobs)])} cannot be"
            " fetched: run this on a machine with a network, or name a folder that has the files in"
            " `mirror:` (models: a filled cache of the hub in HF_HOME)"
        )


def _unreachable(host: str) -> str | None:
    return network.hub_offline() if host == network.hub() else network.unreachable(host)


def _hosts(job: dry_run.Job) -> set[str]:
    """The servers that a job downloads from."""
    flags = _flags(job.command)
    entry, mirrors = json.loads(flags["entry"][0]), flags.get("mirror", [])
    if entry.get("kind") == "hub" or "files" not in entry:
        return {network.hub()}
    missing = [item for item in entry["files"] if not download.here(item, mirrors)]
    return {
        (urlsplit(item["url"]).hostname if "url" in item else None) or network.hub()
        for item in missing
    }


def _say_total(sizes: list[int | None]) -> None:
    known = sum(size for size in sizes if size)
    free = shutil.disk_usage(Path.cwd()).free
    least = "at least " if None in sizes else ""
    print(f"together {least}{_in_words(known)} to download; {_in_words(free)} free", flush=True)
    if known > free:
        raise UserError(
            f"{_in_words(known)} do not fit into {_in_words(free)}: free some space, or run in"
            " another folder"
        )


def _flags(command: str) -> dict[str, list[str]]:
    """The values of each flag of a job's shell line."""
    flags: dict[str, list[str]] = {}
    for word in shlex.split(command):
        if word.startswith("--"):
            values = flags.setdefault(word[2:], [])
        elif flags:
            values.append(word)
    return flags


def _sizes(entry: dict, mirrors: list[str]) -> list[int | None]:
    """Bytes to download for each file of a catalogue entry."""
    if entry.get("kind") == "hub":
        return _model(entry)
    if "hub" in entry and "files" not in entry:
        return [0 if download.is_own(entry["hub"]) else None]
    sizes = []
    for item in entry.get("files", []) if "kind" not in entry else []:
        if download.here(item, mirrors):
            sizes.append(0)
        elif "url" in item:
            sizes.append(_at(item["url"]))
        else:
            sizes.append(_of_dataset(entry["hub"], item) if "hub" in entry else None)
    return sizes


def _at(url: str) -> int | None:
    """The length that a server declares for an address."""
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url, method="HEAD"), timeout=_SECONDS) as answer:
            return int(answer.headers["Content-Length"])
    except (OSError, TypeError, ValueError):
        return None


def _of_dataset(hub: dict, item: dict) -> int | None:
    from huggingface_hub import hf_hub_download

    path = item.get("hub_path", item["path"])
    file = _dry_run_of(
        hf_hub_download, hub["repository"], path, repo_type="dataset", revision=hub.get("revision")
    )
    return file and (file.file_size if file.will_download else 0)


def _model(entry: dict) -> list[int | None]:
    from huggingface_hub import snapshot_download

    files = _dry_run_of(
        snapshot_download,
        entry["repository"],
        revision=entry.get("revision"),
        allow_patterns=entry.get("files"),
        ignore_patterns=["*.py", "*/*"],
    )
    if files is None:
        return [None]
    return [file.file_size if file.will_download else 0 for file in files]


def _dry_run_of(download_, *args, **options):
    """What a download from the hub would fetch; None without a network or an answer."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    offline = network.hub_offline() is not None
    try:
        return download_(*args, **options, dry_run=True, local_files_only=offline)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError):
        return None


def _in_words(size: int | None) -> str:
    """A number of bytes in words."""
    if size is None:
        return "size unknown (no network, or the server does not say)"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit in ("B", "kB") else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
