"""The tensors of a training: weights, moments of AdamW, and the best weights so far.

If there are several processes, only the leader keeps tensors that are not sharded; of sharded
tensors, each process keeps its part.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from seqfuse.errors import UserError
from seqfuse.training.distributed import processes, sharding
from seqfuse.training.interruption.resume_checkpoint import NAME, Checkpoint
from seqfuse.training.interruption.run_progress import Progress

_MOMENTS = ("exp_avg", "exp_avg_sq")


class TrainedState:
    """Trained weights by name, with their optimiser; `best` holds their values at the best step."""

    def __init__(self, trained: Mapping[str, nn.Parameter], optimiser: torch.optim.Optimizer):
        self.trained, self.optimiser = trained, optimiser
        self.best: dict[str, Tensor] = {}

    @property
    def sharded(self) -> bool:
        """Whether any weight is sharded."""
        return any(isinstance(p, DTensor) for p in self.trained.values())

    def remember(self) -> None:
        """Keep a copy of the present weights as the best ones."""
        self.best = {
            name: sharding.local(parameter.detach()).to("cpu", copy=True)
            for name, parameter in self.trained.items()
            if isinstance(parameter, DTensor) or processes.leads()
        }

    def load_best(self) -> None:
        """Copy the best values into the weights, unless these are sharded."""
        if not self.sharded:
            for name, tensor in self.best.items():
                _set(self.trained[name], tensor)

    def parts(self, sharded: bool) -> dict[str, dict]:
        """What a checkpoint holds of this process's parts of the `sharded` weights, or else of the
        other weights: values, moments and best values, each by name."""
        kept = {k: p for k, p in self.trained.items() if isinstance(p, DTensor) == sharded}
        return {
            "trained": {name: sharding.local(p.detach()) for name, p in kept.items()},
            "moments": {
                name: {key: sharding.local(value) for key, value in self.optimiser.state[p].items()}
                for name, p in kept.items()
            },
            "best": {name: self.best[name] for name in kept if name in self.best},
        }

    def whole(self) -> dict[str, object]:
        """What a checkpoint holds once: the optimiser's groups and the weights that are not
        sharded."""
        groups = self.optimiser.state_dict()["param_groups"]
        return {"groups": groups, **self.parts(sharded=False)}

    def take_up(self, saved: Mapping) -> None:
        """Load the tensors of a checkpoint, including this process's part."""
        part = saved["part"] or {}
        trained, moments, best = (
            saved[name] | part.get(name, {}) for name in ("trained", "moments", "best")
        )
        for name, parameter in self.trained.items():
            _set(parameter, trained[name])
        self.optimiser.load_state_dict(
            {"param_groups": saved["groups"], "state": self._numbered(moments)}
        )
        for name, tensor in best.items():
            if isinstance(self.trained[name], DTensor) or processes.leads():
                self.best[name] = tensor.clone()

    def _numbered(self, moments: Mapping[str, Mapping[str, Tensor]]) -> dict[int, dict]:
        """The moments under the optimiser's numbers, each sharded like its weight."""
        names = {parameter: name for name, parameter in self.trained.items()}
        ordered = [p for group in self.optimiser.param_groups for p in group["params"]]
        return {
            number: {
                key: sharding.like(parameter, value) if key in _MOMENTS else value.clone()
                for key, value in moments[names[parameter]].items()
            }
            for number, parameter in enumerate(ordered)
        }


def restore_best(method: nn.Module, state: Path, fingerprint: str) -> Progress:
    """Load the best state of a finished run into a method that will not be trained further."""
    path = state / NAME
    saved = Checkpoint(path, fingerprint).all_parts()
    if saved is None:
        raise UserError(f"{path}: was changed while the other seeds were trained; run this again")
    content, parts = saved
    # A sharded weight is cut along its first axis.
    sharded = {
        name: torch.cat([part["best"][name] for part in parts])
        for name in (parts[0]["best"] if parts else ())
    }
    method.load_state_dict(content["best"] | sharded, strict=False)
    method.eval()
    return Progress(**content["progress"])


@torch.no_grad()
def _set(parameter: nn.Parameter, value: Tensor) -> None:
    """Copy a value, or this process's part of it, into a weight."""
    sharding.local(parameter).copy_(value)
