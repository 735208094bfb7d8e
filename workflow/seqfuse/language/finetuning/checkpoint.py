"""A fine-tuned model on disk: the folder of the method, and method.json: how it is loaded.

Light at import: what a checkpoint says of itself is read without torch.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json
from seqfuse.registry import plugins
from seqfuse.registry.methods import METHODS

if TYPE_CHECKING:
    from seqfuse.language.methods.method import Setup

_NAME = "method.json"


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of itself.

    `name` is what the tables call the method, `settings` are its own (none, or those of its section
    of the configuration), `key` and `encoder_width` those of the frozen states that it reads,
    `encoder` what `encoders.recorded` says of the encoder they are from, `labels` the closed labels
    of every dataset, `thinks` the datasets that it was trained to reason about, `precision` that of
    its training, in which it answers too unless another is asked for, `lengths` the least and the
    most nucleotides of each dataset's training DNA (none of a model that an older version made),
    `system` the text of the system's turn, if it is not the template's own.
    """

    method: str
    name: str
    suite: str
    seed: int
    settings: dict
    labels: dict[str, list[str]]
    key: str | None
    encoder_width: int
    encoder: dict | None
    thinks: list[str]
    precision: str
    lengths: dict[str, list[int]] = field(default_factory=dict)
    system: str | None = None

    def answers_in(self, asked: str) -> str:
        """The precision of its answers where `asked` is wanted, which may name its training's."""
        return self.precision if asked == "training" else asked


def build(name: str, setup: "Setup"):
    """A method by its name in the catalogue."""
    return plugins.load(METHODS[name].implementation)(setup)


def save(folder: Path, method, description: Description) -> None:
    """Write a trained method; a language model's folder is one that transformers loads."""
    method.save(folder)
    write_json(folder / _NAME, asdict(description))


def read_description(folder: Path) -> Description:
    """The description of a checkpoint folder."""
    if not (folder / _NAME).is_file():
        raise UserError(f"{folder}: no {_NAME}, so this is no model of `seqfuse language finetune`")
    found = read_json(folder / _NAME)
    try:
        description = Description(**found)
    except TypeError:
        raise UserError(f"{folder / _NAME}: not written by this version; fine-tune again") from None
    if description.method not in METHODS:
        raise UserError(f"{folder / _NAME}: no method is called {description.method!r}")
    return description


def load(folder: Path, states: object | None, precision: str):
    """The trained method of a checkpoint folder, on this job's device, for answers whose matrix
    products are taken in `precision` (`training.precision.products`); `states` as in `Setup`."""
    from seqfuse.language.methods.method import Setup
    from seqfuse.training.device import device
    from seqfuse.training.precision import round_frozen

    description = read_description(folder)
    setup = Setup(
        backbone=folder,
        settings=description.settings,
        states=states,
        encoder_width=description.encoder_width,
        labels=description.labels,
    )
    method = build(description.method, setup)
    method.restore(folder)
    method.eval().requires_grad_(False)
    if precision == "bfloat16":
        round_frozen(method)
    return method.to(device())


def seeds(folder: Path) -> list[Path]:
    """The checkpoint folders of every seed, by seed; none is an error."""
    found = sorted(folder.glob("seed*/"), key=lambda path: int(path.name.removeprefix("seed")))
    if not found:
        raise UserError(f"{folder}: no seed folder; give the --out of `seqfuse language finetune`")
    return found
