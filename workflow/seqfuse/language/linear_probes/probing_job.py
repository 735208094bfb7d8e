"""Linear probes of every seed of a method, and of its controls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse import fingerprint
from seqfuse.bio import clusters
from seqfuse.encoders import found_again
from seqfuse.errors import UserError
from seqfuse.files import canonical_json, checksums, digest
from seqfuse.language import prompts
from seqfuse.language.answers import prediction
from seqfuse.language.answers.resume_journal import Journal
from seqfuse.language.finetuning import checkpoint
from seqfuse.language.finetuning.checkpoint import Description
from seqfuse.language.linear_probes import states, targets
from seqfuse.language.probing import probe_job
from seqfuse.language.prompts import Prompt, Settings
from seqfuse.language.suite import Suite
from seqfuse.registry.methods import METHODS
from seqfuse.statistics import linear_probes, separation
from seqfuse.training.precision import products
from seqfuse.training.provenance import surroundings

# None; the targets of other rows; the method without its DNA; shuffled weights.
CONTROLS = ("none", "shuffled", "question_only", "random_weights")
# The fewest pairs for the gap between DNA and text.
_FEWEST = 10


def probe(
    model: Path,
    datasets: Sequence[str],
    records: Sequence[Path],
    clustered: Sequence[Path],
    encoders: Sequence[Path],
    rows: int,
    folds: int,
    settings: Settings,
    precision: str,
    journal: Journal,
) -> tuple[list[dict], list[dict]]:
    """Rows of `tables.LINEAR_PROBES` and of `tables.GAPS`, for the same records as the probes."""
    trained = prediction.read(model, datasets)
    suite = Suite.read(datasets, records)
    asked: dict[str, tuple[list[dict], list[Prompt]]] = {}
    for name, own in suite.records.items():
        chosen = probe_job.sample(name, list(own), rows)
        if not chosen:
            raise UserError(f"{name}: no test record to probe")
        thinks = settings.reasoning and prompts.reasons(own)
        shown = [prompts.from_record(name, one, thinks, settings.system) for one in chosen]
        asked[name] = (chosen, shown)
    of_dataset = dict(zip(datasets, clustered, strict=True))
    wanted = {
        name: targets.asked(name, chosen, _clusters(of_dataset[name], chosen), folds)
        for name, (chosen, _) in asked.items()
    }
    if len(encoders) not in (0, 1, len(trained)):
        raise UserError(
            f"--encoder: {len(encoders)} folders for {len(trained)} seeds; give one each"
        )
    _begin(journal, trained, asked, folds, settings, precision)
    probes, gaps = [], []
    for number, (folder, description) in enumerate(trained.items()):
        encoder = encoders[number % len(encoders)] if encoders else None
        owner = {"method": description.name, "seed": description.seed}
        one = _Seed(folder, description, encoder, precision)
        for control in CONTROLS:
            # The last control destroys the loaded weights, so nothing may run after it.
            result = journal.once(
                f"{description.seed}/{control}",
                lambda one=one, control=control: one.run(control, asked, wanted, folds),
            )
            probes += [{**owner, **row} for row in result["probes"]]
            gaps += [{**owner, **row} for row in result["gaps"]]
    return probes, gaps


class _Seed:
    """One checkpoint, loaded only when a control needs it."""

    def __init__(
        self, folder: Path, description: Description, encoder: Path | None, precision: str
    ):
        self._folder, self._description, self._encoder = folder, description, encoder
        self._precision = description.answers_in(precision)
        self._method = self._states = None

    def run(self, control: str, asked: Mapping, wanted: Mapping, folds: int) -> dict:
        """The predictions of every probe under one control, and the gaps of the method itself."""
        probes, gaps = [], []
        self._load(control)
        for dataset, (records, shown) in asked.items():
            read = self._read(control, shown)
            if control == "none" and read and read.dna and len(shown) >= _FEWEST:
                gaps += [{"dataset": dataset, **row} for row in _gaps(read)]
            places = self._encoded(control, shown) | (read.places if read else {})
            for row in _probes(places, records, wanted[dataset], folds, control == "shuffled"):
                probes.append({"dataset": dataset, "control": control, **row})
        return {"probes": probes, "gaps": gaps}

    def _load(self, control: str) -> None:
        """Load the method and the encoder whose states it reads; shuffle all weights for the
        control "random_weights", which is the last."""
        if self._method is None:
            if METHODS[self._description.method].reads_store:
                recorded = self._description.encoder
                self._states = found_again.Live(recorded, self._folder, self._encoder)
            self._method = checkpoint.load(self._folder, self._states, self._precision)
        if control == "random_weights":
            states.shuffle_weights(self._method, self._description.seed)
            if self._states is not None:
                states.shuffle_weights(self._states.module, self._description.seed)

    def _read(self, control: str, shown: Sequence[Prompt]) -> states.Read | None:
        if self._states is not None:
            self._states.hold(prediction.sequences(shown))
        if not METHODS[self._description.method].generates:
            return None
        read = states.without_dna(shown) if control == "question_only" else shown
        with products(self._method.device, self._precision):
            return states.of_method(self._method, read)

    def _encoded(self, control: str, shown: Sequence[Prompt]) -> dict:
        if self._states is None or control == "question_only":
            return {}
        return states.of_encoder(self._states, shown)


def _probes(
    places: Mapping[states.Place, np.ndarray],
    records: Sequence[Mapping],
    wanted: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    folds: int,
    of_others: bool,
) -> Iterator[dict]:
    for target, (rows, classes, groups) in wanted.items():
        fold = linear_probes.folds_of(classes, groups, folds)
        gold = linear_probes.shuffled(classes, groups) if of_others else classes
        for (place, layer), features in places.items():
            predicted = linear_probes.predicted(features[rows], gold, fold)
            for row, truth, answer in zip(rows, gold, predicted, strict=True):
                yield {
                    "id": records[row]["id"],
                    "target": target,
                    "place": place,
                    "layer": layer,
                    "gold": str(truth),
                    "predicted": str(answer),
                }


def _gaps(read: states.Read) -> Iterator[dict]:
    """The gap between DNA and text in each layer."""
    for layer, dna in read.dna.items():
        distance = separation.gap(dna, read.text[layer])
        separable = separation.separable(dna, read.text[layer])
        yield {"layer": layer, "distance": distance, "separable": separable, "n": len(dna)}


def _clusters(path: Path, records: Sequence[Mapping]) -> np.ndarray:
    return clusters.read(path, pa.array([record["id"] for record in records]))


def _begin(
    journal: Journal, trained: Mapping, asked: Mapping, folds: int, settings: Settings, precision
) -> None:
    method = next(iter(trained.values())).method
    module = METHODS[method].implementation.split(":")[0]
    made_from = [
        [checksums(folder) for folder in trained],
        [[p.dataset, p.id, p.hash, p.label] for _, shown in asked.values() for p in shown],
        [folds, asdict(settings), precision],
        surroundings(),
        fingerprint.code("seqfuse.language.linear_probes.probing_job", module),
    ]
    journal.begin(digest(canonical_json(made_from)))
