"""Questions from a terminal: FASTA in, a trained model's answers out, as text or as JSON lines."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from seqfuse.bio.readers import Reader
from seqfuse.errors import UserError
from seqfuse.language import prompts
from seqfuse.language.prompts import ClosedLabels, Prompt, Settings
from seqfuse.registry.methods import METHODS


def read_dna(reference: Path, variant: Path | None) -> list[dict]:
    """{"id", "sequence", "variant"} of each record; `variant` is None without a file of variants.

    Variants belong to the reference of their name; where either file holds one record, the two
    belong together whatever their names.
    """
    references = _fasta(reference)
    if variant is None:
        return [{"id": name, "sequence": dna, "variant": None} for name, dna in references.items()]
    variants = _fasta(variant)
    if len(references) == len(variants) == 1:
        variants = dict(zip(references, variants.values(), strict=True))
    alone = sorted(references.keys() ^ variants.keys())
    if alone:
        raise UserError(
            f"{variant}: record {alone[0]!r} stands in only one of {reference} and {variant}; give"
            " each variant the name of its reference"
        )
    return [
        {"id": name, "sequence": dna, "variant": variants[name]} for name, dna in references.items()
    ]


def _fasta(path: Path) -> dict[str, str]:
    """The sequences of a FASTA file by name, as `seqfuse sequences` spells them."""
    import pyarrow as pa

    from seqfuse.bio.normalise import first_foreign, normalise

    if not path.is_file():
        raise UserError(f"{path}: no such file")
    reader = Reader(path)
    if not {"id", "sequence"} <= set(reader.columns()):
        raise UserError(f"{path}: not FASTA; give a file of records '>name', such as dna.fa")
    found: dict[str, str] = {}
    for row in reader.rows(["id", "sequence"]):
        name, dna = row["id"] or "", row["sequence"] or ""
        spelt = normalise(pa.array([dna]))
        if spelt.foreign[0]:
            raise UserError(
                f"{path}: record {name!r} holds {first_foreign(dna)!r}, which is no nucleotide"
            )
        if not spelt.letters[0].as_py():
            raise UserError(f"{path}: record {name!r} has no sequence")
        if name in found:
            raise UserError(f"{path}: two records are called {name!r}; give each its own name")
        found[name] = spelt.letters[0].as_py()
    return found


class Model:
    """A checkpoint that is asked about `dataset`; `load` before anything is answered."""

    def __init__(self, folder: Path, dataset: str | None, settings: Settings, precision: str):
        from seqfuse.language.finetuning import checkpoint

        self.folder = folder if (folder / "method.json").is_file() else checkpoint.seeds(folder)[0]
        self.description = checkpoint.read_description(self.folder)
        known = self.description.labels
        if dataset is None and len(known) == 1:
            dataset = next(iter(known))
        if dataset not in known:
            given = f"was not trained on {dataset}" if dataset else "knows several datasets"
            raise UserError(f"{folder}: {given}; give --dataset, one of {', '.join(known)}")
        self.dataset, self.labels, self.settings = dataset, known[dataset], settings
        self.precision = self.description.answers_in(precision)
        self.method = None

    def prompts(self, records: Sequence[dict], question: str) -> list[Prompt]:
        """The question about each record, in the form the model was trained on."""
        thinks = self.settings.reasoning and self.dataset in self.description.thinks
        unknown = {"question": question, "reasoning": None, "label": None}
        return [prompts.from_record(self.dataset, record | unknown, thinks) for record in records]

    def load(self, encoder: Path | None, asked: Sequence[Prompt]) -> None:
        """Load the method and, where it reads states, those of the DNA that is asked about."""
        from seqfuse.encoders import live_states
        from seqfuse.language.answers import prediction
        from seqfuse.language.finetuning import checkpoint

        states = None
        if METHODS[self.description.method].reads_store:
            dna = prediction.sequences(asked)
            states = live_states.embed(self.description.encoder, self.folder, encoder, dna)
        self.method = checkpoint.load(self.folder, states, self.precision)

    def answer_as_json(self, asked: Sequence[Prompt]) -> None:
        """Print one JSON object a prompt, answered in batches."""
        from seqfuse.language.answers import decoding

        if METHODS[self.description.method].generates:
            labels = {self.dataset: self.labels}
            with self._products():
                found = decoding.answer(self.method, asked, labels, self.settings)
            said = [(one.text, one.loglik) for one in found]
        else:
            said = [(None, loglik) for loglik in self._classified(asked)]
        for prompt, (text, loglik) in zip(asked, said, strict=True):
            print(json.dumps(self._reply(prompt, text, loglik), ensure_ascii=False))

    def answer_aloud(self, asked: Sequence[Prompt]) -> None:
        """Print each answer while it is generated, then the labels, the likeliest first."""
        for prompt in asked:
            if len(asked) > 1:
                print(f"> {prompt.id}")
            if METHODS[self.description.method].generates:
                with self._products():
                    loglik = self._speak(prompt)
            else:
                [loglik] = self._classified([prompt])
            shares = probabilities(loglik)
            for label in sorted(shares, key=shares.get, reverse=True):
                print(f"{shares[label]:8.3f}  {label}")

    def _classified(self, asked: Sequence[Prompt]) -> list[dict[str, float]]:
        with self._products():
            return [loglik for loglik, _ in self.method.classify(asked)]

    def _products(self):
        from seqfuse.training.precision import products

        return products(self.method.device, self.precision)

    def _speak(self, prompt: Prompt) -> dict[str, float]:
        """Print the answer to one prompt token by token; the likelihoods of the labels."""
        from seqfuse.language.answers import decoding

        example = self.method.encode(prompt, answer=False)
        room = self.method.room(prompt, self.labels, self.settings.max_new_tokens)
        decoding.check_lengths(self.method, [example], self.settings, [room])
        generation, shown = decoding.Generation(self.method, [example]), ""

        def heard() -> None:
            nonlocal shown
            text = generation.texts()[0]
            # A character of several bytes may not be whole yet.
            if not text.endswith("\N{REPLACEMENT CHARACTER}"):
                print(text[len(shown) :], end="", flush=True)
                shown = text

        generation.run(room, heard)
        print("\n")
        return generation.label_scores([self.labels])[0]

    def _reply(self, prompt: Prompt, text: str | None, loglik: dict[str, float]) -> dict:
        shares = probabilities(loglik)
        if text is None:
            answer = max(shares, key=shares.get)
        else:
            closed = ClosedLabels(self.dataset, self.labels)
            answer = closed.match(prompts.parse(text, prompt.thinks))
        return {
            "id": prompt.id,
            "question": prompt.question,
            "text": text,
            "answer": answer,
            "probabilities": shares,
            "loglik": loglik,
            "model": str(self.folder),
        }


def probabilities(loglik: dict[str, float]) -> dict[str, float]:
    """The share of each label in the summed likelihood of all labels."""
    highest = max(loglik.values())
    odds = {label: math.exp(nats - highest) for label, nats in loglik.items()}
    return {label: value / sum(odds.values()) for label, value in odds.items()}
