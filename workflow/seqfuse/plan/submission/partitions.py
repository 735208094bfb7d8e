"""The site's partitions, as its file (`slurm-partition-config`) names and bounds them: which ones a
job may go to. The executor chooses among them; what fits none it sends to Slurm's default one."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.settings.yaml_files import load_yaml

# A resource of a job, and the limit of a partition on it.
_LIMITS = {
    "mem_mb": "max_mem_mb",
    "runtime": "max_runtime",
    "_cores": "max_threads",
    "gpu": "max_gpu",
}


@dataclass(frozen=True)
class Partitions:
    """The limits of each partition, by name; empty without a file."""

    path: str | None
    limits: Mapping[str, Mapping]

    @classmethod
    def read(cls, path: str | None) -> "Partitions":
        """Read a file. If it names no partition, or a limit is no number, it is a `UserError`."""
        limits = load_yaml(Path(path)).get("partitions") if path else {}
        if path and not limits:
            raise UserError(f"{path}: no partition is named; write them under `partitions:`")
        return cls(path, {name: _numbers(path, name, own or {}) for name, own in limits.items()})

    def candidates(self, resources: Mapping) -> list[str]:
        """The partitions that a job of this kind may go to; "" is the site's default."""
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
        """Refuse a job that exceeds the limits of all its candidates (a `UserError`): the executor
        would send it to the site's default partition, which may have no GPU. Only first attempts
        are checked, because the resources of a second one are not known here."""
        if resources.get("slurm_partition") or not self.limits:
            return
        over = {name: self._over(name, resources) for name in self.candidates(resources)}
        if all(over.values()):
            raise UserError(
                f"{self.path}: no partition takes a job that asks for"
                f" {'; '.join(itertools.chain(*over.values()))}; correct the limits in that file,"
                " or ask for less (`jobs` and `gpu` in config.yaml)"
            )

    def _over(self, name: str, resources: Mapping) -> list[str]:
        """The resources of a job that exceed the limits of a partition."""
        return [
            f"{key} {amount} ({name}: {limit} {self.limits[name][limit]})"
            for key, limit in _LIMITS.items()
            # A resource that is unknown until other jobs have run is text.
            if isinstance(amount := resources.get(key), int | float)
            and amount > self.limits[name].get(limit, math.inf)
        ]


def _numbers(path: str | None, name: str, limits: Mapping) -> dict:
    """The limits of a partition as numbers; a time may be written as for the executor (12h)."""
    from snakemake_executor_plugin_slurm.utils import parse_time_to_minutes

    numbers = dict(limits)
    try:
        if "max_runtime" in numbers:
            numbers["max_runtime"] = parse_time_to_minutes(numbers["max_runtime"])
    except Exception as error:  # an error of Snakemake's, which takes half a second to import
        raise UserError(f"{path}: {name}: max_runtime: {error}") from None
    for key in _LIMITS.values():
        if not isinstance(numbers.get(key, 0), int | float):
            raise UserError(f"{path}: {name}: {key} must be a number, not {numbers[key]!r}")
    return numbers
