"""seqfuse compares ways to fuse biological sequences with language models and with each other.

From Python, in a notebook (docs/api.md has each of these as an example that is run):

    seqfuse.KmerTokenizer(k=6)(dna)                    k-mers with their spans, and back again
    seqfuse.align(sequence, dna=(states, spans), ...)  token states of each view on the same codons
    seqfuse.score(gold, predicted, metric="mcc")       a score with its interval
    seqfuse.compare(gold, one, other, metric="mcc")    a paired difference with its verdict
    seqfuse.load(folder)                               a trained model: .ask or .predict
    seqfuse.Store(folder)[sequence]                    the stored states of a sequence
    seqfuse.scores("results/demo")                     all scores of a run as a data frame
    seqfuse.diff("results/before", "results/after")    what changed between two runs, paired

Nothing heavy is imported before one of them is used.
"""

import importlib

__version__ = "0.1.0"

# name -> the module that defines it
_PUBLIC = {
    "KmerTokenizer": "seqfuse.language.methods.kmers",
    "align": "seqfuse.codons.inputs.placement",
    "score": "seqfuse.evaluation.arrays",
    "compare": "seqfuse.evaluation.arrays",
    "scores": "seqfuse.evaluation.arrays",
    "diff": "seqfuse.plan.tools.diff",
    "Store": "seqfuse.encoders.store.reader",
}
# (a file that marks a trained model's folder, module and class that open it).
_TRAINED = (
    ("arm.json", "seqfuse.codons.application.notebook", "TrainedArm"),
    ("method.json", "seqfuse.language.answers.notebook", "TrainedMethod"),
    ("seed*/method.json", "seqfuse.language.answers.notebook", "TrainedMethod"),
)
__all__ = ["KmerTokenizer", "Store", "align", "compare", "diff", "load", "score", "scores"]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})


def load(folder):
    """A trained model in `folder`: a language model's has `.ask`, an arm's has `.predict`.

    `folder` is `results/<run>/language/<suite>/<method>/model` (or one seed's folder in it), or
    `results/<run>/codons/<dataset>/<arm>`, or a copy of either.

    Raises `UserError` for any other folder.
    """
    from pathlib import Path

    from seqfuse.errors import UserError

    folder = Path(folder)
    for sign, module, name in _TRAINED:
        if any(folder.glob(sign)):
            return getattr(importlib.import_module(module), name)(folder)
    raise UserError(
        f"{folder}: no trained model here; name the folder `model` of a method of study A, or the "
        "folder of an arm of study B"
    )
