"""A fine-tuned model on disk: the method's folder, and method.json, which says how to load it.

Importing this module, and reading a description, needs no torch.
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
    """The description of a checkpoint, in method.json.

    `name` is the method's name in the tables; `settings` are its own section of the configuration,
    or none. `key` and `encoder_width` are those of the frozen states that it reads, `encoder` is
    the record of their encoder (`encoders.recorded`). `labels` are the closed labels of every
    dataset; `thinks` lists the datasets that it was trained to reason about. `precision` is that of
    its training, and of its answers unless another is asked for. `lengths` are the fewest and most
    nucleotides of each dataset's training DNA (missing in models of older versions). `system` is
    the text of the system turn, if it is not the template's own.
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

    def answers_in(self, setting: str) -> str:
        """The precision of its answers for a setting, which may be "training": the same as then."""
        return self.precision if setting == "training" else setting


def build(name: str, setup: "Setup"):
    """Build a method by its name in the registry."""
    return plugins.load(METHODS[name].implementation)(setup)


def save(folder: Path, method, description: Description) -> None:
    """Write a trained method and its description; transformers loads a language model's folder."""
    method.save(folder)
    write_json(folder / _NAME, asdict(description))


def read_description(folder: Path) -> Description:
    """The description of a checkpoint folder."""
    if not (folder / _NAME).is_file():
        raise UserError(f"{folder}: not a model of `seqfuse language finetune`: no {_NAME}")
    content = read_json(folder / _NAME)
    try:
        description = Description(**content)
    except TypeError:
        raise UserError(f"{folder / _NAME}: not written by this version; fine-tune again") from None
    if description.method not in METHODS:
        raise UserError(f"{folder / _NAME}: no method is called {description.method!r}")
    return description


def load(folder: Path, states: object | None, precision: str):
    """Load the trained method of a checkpoint folder onto this job's device.

    `precision` is that of the matrix products of its answers (`training.precision.products`);
    `states` is as in `Setup`.
    """
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
    """The checkpoint folders of all seeds, by seed; `UserError` if there are none."""
    folders = sorted(folder.glob("seed*/"), key=lambda path: int(path.name.removeprefix("seed")))
    if not folders:
        raise UserError(f"{folder}: no seed folder; give the --out of `seqfuse language finetune`")
    return folders
