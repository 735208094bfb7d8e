"""Memory, FLOP, time and disk of every job, from coefficients, a workload and a card."""

from collections.abc import Callable
from types import SimpleNamespace

from seqfuse.plan.rehearsal.answering import Answering
from seqfuse.plan.rehearsal.cards import Card
from seqfuse.plan.rehearsal.coefficients import Coefficients
from seqfuse.plan.rehearsal.estimate import Estimate
from seqfuse.plan.rehearsal.learning import Learning
from seqfuse.plan.rehearsal.reading import Reading
from seqfuse.plan.run import Run


class Estimates:
    """The estimates of one run's jobs on one card."""

    def __init__(self, run: Run, card: Card, known: Coefficients | None = None):
        self.card = card
        shared = run, card, known or Coefficients()
        learning, answering, reading = Learning(*shared), Answering(*shared), Reading(*shared)
        self.fitted = learning.fitted
        self._rules: dict[str, Callable[[SimpleNamespace], Estimate]] = {
            "language_pretrain": learning.pretrain,
            "language_pretrain_by_codon": learning.pretrain,
            "language_trial": learning.finetune,
            "language_finetune": learning.finetune,
            "language_predict": answering.predict,
            "language_probe": answering.probe,
            # It reads the same records three times and generates nothing.
            "language_linear_probe": answering.probe,
            "language_attention": answering.attention,
            "embeddings": reading.embeddings,
            "codons_train": reading.arm,
            "codons_train_weighed": reading.arm,
            "codons_interpret": reading.interpret,
        }

    def of(self, rule: str, wildcards: SimpleNamespace) -> Estimate | None:
        """The estimate of a job, or None if its rule computes with no model."""
        return self._rules[rule](wildcards) if rule in self._rules else None
