"""The tensors of a training: weights, moments of AdamW, and the weights that were best so far.

Of several processes, the leader alone has what is whole; of what is sharded each has its part.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from seqfuse.training.distributed import processes, sharding

_MOMENTS = ("exp_avg", "exp_avg_sq")


class TrainedState:
    """Trained weights by name, with their optimiser; `best` are their values at the best step."""

    def __init__(self, trained: Mapping[str, nn.Parameter], optimiser: torch.optim.Optimizer):
        self.trained, self.optimiser = trained, optimiser
        self.best: dict[str, Tensor] = {}

    @property
    def sharded(self) -> bool:
        """Whether any weight is spread over the processes."""
        return any(isinstance(p, DTensor) for p in self.trained.values())

    def remember(self) -> None:
        """The present weights are the best ones."""
        self.best = {
            name: sharding.local(parameter.detach()).to("cpu", copy=True)
            for name, parameter in self.trained.items()
            if isinstance(parameter, DTensor) or processes.leads()
        }

    def load_best(self) -> None:
        """Put the best values into the weights, unless they are sharded."""
        if not self.sharded:
            for name, tensor in self.best.items():
                _set(self.trained[name], tensor)

    def parts(self, sharded: bool) -> dict[str, dict]:
        """What a checkpoint holds of this process's parts of the sharded weights, or of the whole
        others: by their names values, moments, and the values that were best."""
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
        """What a checkpoint holds once, beside the parts."""
        groups = self.optimiser.state_dict()["param_groups"]
        return {"groups": groups, **self.parts(sharded=False)}

    def take_up(self, found: Mapping) -> None:
        """Put the tensors of a checkpoint, and of this process's part of it, in their places."""
        part = found["part"] or {}
        trained, moments, best = (
            found[name] | part.get(name, {}) for name in ("trained", "moments", "best")
        )
        for name, parameter in self.trained.items():
            _set(parameter, trained[name])
        self.optimiser.load_state_dict(
            {"param_groups": found["groups"], "state": self._numbered(moments)}
        )
        for name, tensor in best.items():
            if isinstance(self.trained[name], DTensor) or processes.leads():
                self.best[name] = tensor.clone()

    def _numbered(self, moments: Mapping[str, Mapping[str, Tensor]]) -> dict[int, dict]:
        """Moments by name as the optimiser numbers them, each spread as its weight is."""
        names = {parameter: name for name, parameter in self.trained.items()}
        ordered = [p for group in self.optimiser.param_groups for p in group["params"]]
        return {
            number: {
                key: sharding.like(parameter, value) if key in _MOMENTS else value.clone()
                for key, value in moments[names[parameter]].items()
            }
            for number, parameter in enumerate(ordered)
        }


@torch.no_grad()
def _set(parameter: nn.Parameter, value: Tensor) -> None:
    """Put a value, or this process's part of it, into a weight."""
    sharding.local(parameter).copy_(value)
