"""The site's partitions, as its file (`slurm-partition-config`) names and bounds them: which ones a
job may go to. The executor chooses among them; what fits none it sends to Slurm's default one."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.settings.yaml_files import load_yaml

# What a partition bounds, and what of a job.
_LIMITS = {
    "mem_mb": "max_mem_mb",
    "runtime": "max_runtime",
    "_cores": "max_threads",
    "gpu": "max_gpu",
}


@dataclass(frozen=True)
class Partitions:
    """The limits of each partition by its name; of none, if there is no file."""

    path: str | None
    limits: Mapping[str, Mapping]

    @classmethod
    def read(cls, path: str | None) -> "Partitions":
        """Those of a file; one that names none, or a limit of no number, is a `UserError`."""
        limits = load_yaml(Path(path)).get("partitions") if path else {}
        if path and not limits:
            raise UserError(f"{path}: no partition is named; write them under `partitions:`")
        return cls(path, {name: _numbers(path, name, own or {}) for name, own in limits.items()})

    def candidates(self, resources: Mapping) -> list[str]:
        """The partitions that a job may go to by its kind; "" is the site's default."""
        if resources.get("slurm_partition"):
            return [resources["slurm_partition"]]
        if not self.limits:
            return [""]
        model = resources.get("gpu_model")
        if not resources.get("gpu"):
            return list(self.limits)
        names = [name for name, limits in self.limits.items() if limits.get("max_gpu")]
        models = {name: self.limits[name].get("available_gpu_models") or [] for name in names}
        names = [name for name in names if not model or model in models[name]]
        if not names:
            offered = sorted(set(itertools.chain(*models.values())))
            raise UserError(
                f"{self.path}: no partition offers the GPU model {model!r} of `gpu.model`; "
                f"there: {', '.join(offered) or 'no GPU'}"
            )
        return names

    def hold(self, resources: Mapping) -> None:
        """A job over the limits of all its candidates is a `UserError`: the executor would send it
        to the site's default partition, which may have no GPU. Only first attempts are held: what
        a second one asks for is not known here."""
        if resources.get("slurm_partition") or not self.limits:
            return
        over = {name: self._over(name, resources) for name in self.candidates(resources)}
        if all(over.values()):
            raise UserError(
                f"{self.path}: no partition takes a job that asks for"
                f" {'; '.join(itertools.chain(*over.values()))}; write there what its nodes have,"
                " or ask for less (`jobs` and `gpu` in config.yaml)"
            )

    def _over(self, name: str, resources: Mapping) -> list[str]:
        """What a job asks for that is more than a partition gives."""
        return [
            f"{key} {asked} ({name}: {limit} {self.limits[name][limit]})"
            for key, limit in _LIMITS.items()
            # What is not known before other jobs have run is a text.
            if isinstance(asked := resources.get(key), int | float)
            and asked > self.limits[name].get(limit, math.inf)
        ]


def _numbers(path: str | None, name: str, limits: Mapping) -> dict:
    """The limits of a partition; a time may be written as the executor takes it (12h, 2-00:00)."""
    from snakemake_executor_plugin_slurm.utils import parse_time_to_minutes

    found = dict(limits)
    try:
        if "max_runtime" in found:
            found["max_runtime"] = parse_time_to_minutes(found["max_runtime"])
    except Exception as error:  # an error of Snakemake's, which takes half a second to import
        raise UserError(f"{path}: {name}: max_runtime: {error}") from None
    for key in _LIMITS.values():
        if not isinstance(found.get(key, 0), int | float):
            raise UserError(f"{path}: {name}: {key} must be a number, not {found[key]!r}")
    return found
