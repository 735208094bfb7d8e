"""Study B: training from the store, mutagenesis, and what alignment costs.

Ours trains as `seqfuse codons train` does, all seeds in one process, decoding the store included.
The baseline is a first draft: a torch file per sequence and modality, random batches padded to the
longest, one process per seed. It has our fusion and optimiser, torch's own convolutions, and
aligns by its transposed convolution, which is exact here, because every length is a multiple of 6.
Each side runs in processes of its own, whose start and imports are not counted: they would count
once for ours and once per seed for the baseline.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from bench.measure import Setting, apart, medians, result, seconds
from seqfuse import encoders, tables
from seqfuse.bio.frames import code
from seqfuse.cli import main
from seqfuse.codons import training
from seqfuse.codons.inputs import batches
from seqfuse.codons.inputs.dataset import Dataset
from seqfuse.codons.interpretation import mutagenesis
from seqfuse.codons.interpretation.trained_arms import Trained, Trials
from seqfuse.codons.model import CodonModel, Shape
from seqfuse.codons.train import MODALITIES
from seqfuse.codons.training import Training
from seqfuse.codons.training_job import Job
from seqfuse.encoders.embedder import keep_freed_memory
from seqfuse.encoders.models.encoder import Encoder
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.rows import Row, sequence_hash
from seqfuse.encoders.store.writer import Writer
from seqfuse.files import write_json
from seqfuse.registry.arms import ARMS, Arm

ROWS, SEEDS, EPOCHS, BATCH, RATE = 2000, 5, 2, 32, 1e-3
WIDTH = 128  # of every modality's states
CODON = code(1)
SENSE = np.array(sorted(codon for codon, residue in CODON.items() if residue != "*"))
LETTERS = {"dna": 6, "rna": 3, "protein": 1}  # of a stored token
ESM = {"hidden_size": WIDTH, "intermediate_size": 256, "num_hidden_layers": 3}
SCRATCH = {
    "dna": ("nucleotide-transformer-v2", ESM),
    "rna": ("rna-fm", {"embed_dim": WIDTH, "ffn_embed_dim": 256, "layers": 3}),
    "protein": ("esm2", ESM),
}


def codons_epoch(setting: Setting) -> dict:
    """Five seeds of concat, two epochs each; 60 to 1000 nt, three modalities."""
    job, files = _study(setting, setting.rows(ROWS, least=100)), setting.folder / "files"
    difference = _same_predictions(job, files)
    unread = Job(**vars_of(job))
    given = (replace(job.dataset, views={}), job.arm, job.shape, job.statistics, files)
    ours, baseline = medians(
        setting,
        lambda: apart(_train, setting, unread)[0],
        lambda: sum(apart(_plainly, *given, seed)[0] for seed in range(SEEDS)),
    )
    rows = len(job.dataset.ids)
    return result("codons_epoch", ours, baseline, "s", 2.5, rows=rows, difference=difference)


def codons_loading(setting: Setting) -> dict:
    """Share of our time that goes into loading data: the memory map, and every batch; at most 10
    %."""
    job = _study(setting, setting.rows(ROWS, least=100))
    loading, real = [], batches.collate

    def timed(*words):
        outcomes = []
        loading.append(seconds(lambda: outcomes.append(real(*words))))
        return outcomes[0]

    training.collate = timed
    whole = seconds(lambda: _train(setting, job, opening=loading))
    training.collate = real
    share = 100 * sum(loading) / whole
    rows = len(job.dataset.ids)
    return result("codons_loading", share, 10.0, "%", 1, rows=rows, difference=0.0)


def codons_memory(setting: Setting) -> dict:
    """Peak memory of training on five times the rows; baseline: on the rows once.

    Only the process's own memory: pages of the mapped states belong to the system, which reclaims
    them when it needs memory.
    """
    few, many = (_study(setting, n * setting.rows(ROWS // 5, least=200)) for n in (1, 5))
    ours, baseline = _peak(setting, many), _peak(setting, few)
    rows = len(many.dataset.ids)
    return result("codons_memory", ours, baseline, "MB", 1 / 1.2, rows=rows, difference=0.0)


def mutants(setting: Setting) -> dict:
    """All synonymous mutants of 20 sequences of 300 nt; baseline: one forward pass per mutant."""
    job = _study(setting, 100, codons=100)
    given = (Job(**vars_of(job)), max(2, round(20 * setting.scale)), setting.folder / "live")
    apart(_write_live, setting, *given)
    changes: dict[Callable, np.ndarray] = {}

    def timed(work: Callable) -> float:
        taken, changes[work] = apart(work, *given)
        return taken

    times = medians(setting, lambda: timed(_scan), lambda: timed(_one_by_one))
    difference = float(np.abs(changes[_scan] - changes[_one_by_one]).max())
    assert difference < 4e-3, f"mutagenesis: changes differ by {difference}"
    rows = len(changes[_scan])
    return result("mutagenesis", *times, "s", 2, rows=rows, difference=difference)


mutants.__name__ = "mutagenesis"


def alignment(setting: Setting) -> dict:
    """Alignment of all three modalities, forward and backward; baseline: the whole arm.

    The table is by length and batch size: milliseconds, and MB of tensors kept for the gradient.
    """
    cells, longest = [], 0
    for nucleotides, size in itertools.product((60, 300, 996), (1, 32, 128)):
        job = _study(setting, max(100, size), codons=nucleotides // 3)
        model = CodonModel(job.arm, job.shape)
        batch = batches.collate(job.dataset, np.arange(size), torch.device("cpu"))
        align = _timed(setting, lambda m=model, b=batch: _total(m.views(b).values()))
        whole = _timed(setting, lambda m=model, b=batch: m(b).prediction.sum())
        cells.append(
            {"nt": nucleotides, "batch": size, "ms": 1e3 * align[0], "MB": align[1]}
            | {"arm_ms": 1e3 * whole[0], "arm_MB": whole[1]}
        )
        longest = nucleotides * size
    last = cells[-1]
    row = result("alignment", last["ms"], last["arm_ms"], "ms", 2, rows=longest, difference=0.0)
    return row | {"table": cells}


MEASURES = [codons_epoch, codons_loading, codons_memory, mutants, alignment]


# --- ours ---------------------------------------------------------------------------------------


def _train(setting: Setting, job: Job, opening: list[float] | None = None) -> None:
    """Every seed, from the store to the last epoch; nothing is left from an earlier call."""
    state = Path(tempfile.mkdtemp(dir=setting.folder)) / "concat"
    job = Job(**vars_of(job) | {"state": state})
    opened = seconds(lambda: job.dataset)
    if opening is not None:
        opening.append(opened)
    for seed in range(SEEDS):
        training.Trainer(
            job.dataset, job.arm, job.shape, job.statistics, dict, job.recipe,
            training.Trial(RATE), seed, state / f"{seed}.pt", "bench", torch.device("cpu"),
        ).run()  # fmt: skip


def _scan(job: Job, rows: int, folder: Path) -> np.ndarray:
    """What each mutant changes, as `seqfuse codons interpret` asks."""
    keep_freed_memory()
    trials = _untrained(job, folder)
    live = mutagenesis.Embedders(trials.stores, {v: folder / v for v in ("dna", "rna")})
    synonyms = mutagenesis.synonyms_of(trials.dataset)
    mutants = (mutagenesis.scan(trials, "concat", live, synonyms, row) for row in range(rows))
    return np.array([row["change"] for row in itertools.chain.from_iterable(mutants)])


def vars_of(job: Job) -> dict:
    """What a job was made with."""
    return {name: getattr(job, name) for name in Job.__dataclass_fields__}


# --- the plain way ------------------------------------------------------------------------------


class Plain(nn.Module):
    """Our fusion between padded tensors, torch's transposed convolution and a TextCNN of three."""

    def __init__(self, model: CodonModel):
        super().__init__()
        self.fuse, self.kernels = model.fuse, model.head.kernels
        self.drop, self.out = model.head.drop, model.head.out
        self.scale = {view: (s.mean, s.deviation) for view, s in model.scale.items()}
        taps, bias = model.align["dna"].taps, model.align["dna"].bias
        self.upsample = nn.ConvTranspose1d(WIDTH, WIDTH, kernel_size=2, stride=2)
        self.upsample.weight = nn.Parameter(taps.detach().permute(2, 1, 0).clone())
        self.upsample.bias = nn.Parameter(bias.detach().clone())

    def forward(self, views: dict[str, torch.Tensor], codons: torch.Tensor) -> torch.Tensor:
        views = {view: (x - self.scale[view][0]) / self.scale[view][1] for view, x in views.items()}
        views["dna"] = self.upsample(views["dna"].transpose(1, 2)).transpose(1, 2)
        mask = torch.arange(views["dna"].shape[1]) < codons[:, None]
        fused = self.fuse({view: x * mask[..., None] for view, x in views.items()}, mask)
        states = fused.states.transpose(1, 2)
        pooled = [self._pooled(conv, states, codons) for conv in self.kernels]
        return self.out(self.drop(torch.cat(pooled, dim=1)))

    @staticmethod
    def _pooled(conv: nn.Conv1d, states: torch.Tensor, codons: torch.Tensor) -> torch.Tensor:
        """The largest value over the windows that lie inside a sequence."""
        activations = torch.relu(conv(states))
        inside = torch.arange(activations.shape[2]) + conv.kernel_size[0] <= codons[:, None]
        return (activations * inside[:, None]).amax(-1)


def _load(files: Path, rows: np.ndarray) -> dict[str, torch.Tensor]:
    """Every view of some rows, padded to the longest."""
    return {
        view: pad_sequence(
            [torch.load(files / f"{row}.{view}.pt").float() for row in rows], batch_first=True
        )
        for view in MODALITIES
    }


def _plainly(
    data: Dataset, arm: Arm, shape: Shape, statistics: dict, files: Path, seed: int
) -> None:
    """One seed, with validation after each epoch; targets and statistics are given."""
    scale = training.Scale.of(data)
    target = torch.from_numpy((data.target - scale.mean) / scale.deviation).float()
    codons = torch.from_numpy(data.codons)
    train, val = data.rows("train"), data.rows("val")
    torch.manual_seed(seed)
    model = CodonModel(arm, shape)
    model.standardise(statistics)
    plain, random = Plain(model), np.random.default_rng(seed)
    optimiser = torch.optim.Adam(plain.parameters(), RATE)
    for _ in range(EPOCHS):
        plain.train()
        order = random.permutation(train)
        for rows in (order[i : i + BATCH] for i in range(0, len(order), BATCH)):
            said = plain(_load(files, rows), codons[rows])[:, 0]
            optimiser.zero_grad()
            nn.functional.mse_loss(said, target[rows]).backward()
            nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
            optimiser.step()
        plain.eval()
        with torch.no_grad():
            for rows in (val[i : i + BATCH] for i in range(0, len(val), BATCH)):
                plain(_load(files, rows), codons[rows])


@torch.inference_mode()
def _same_predictions(job: Job, files: Path) -> float:
    """Both sides say the same of 32 mixed rows with the same weights; the files are written."""
    files.mkdir(exist_ok=True)
    for view, row in itertools.product(MODALITIES, range(len(job.dataset.ids))):
        held = job.dataset.views[view]
        states = torch.from_numpy(np.array(held.states.get(held.sequences[row])))
        torch.save(states, files / f"{row}.{view}.pt")
    model = CodonModel(job.arm, job.shape).eval()
    model.standardise(job.statistics)
    rows = np.random.default_rng(0).permutation(len(job.dataset.ids))[:32]
    ours = model(batches.collate(job.dataset, rows, torch.device("cpu"))).prediction
    plain = Plain(model).eval()(_load(files, rows), torch.from_numpy(job.dataset.codons[rows]))
    difference = float((ours - plain).abs().max())
    assert difference < 1e-4, f"codons_epoch: predictions differ by {difference}"
    return difference


@torch.inference_mode()
def _one_by_one(job: Job, rows: int, folder: Path) -> np.ndarray:
    """What each mutant changes: one forward pass through three encoders and the fusion each."""
    trials, synonyms = _untrained(job, folder), mutagenesis.synonyms_of(job.dataset)
    (one,) = trials.arms["concat"]
    plain = Plain(one.model).eval()
    models = {view: encoders.load(folder / view) for view in MODALITIES}

    def say(dna: str, protein: str) -> float:
        letters = _encode(models["rna"], dna.replace("T", "U"))
        views = {
            "dna": _encode(models["dna"], dna),
            "rna": letters.unflatten(1, (-1, 3)).mean(2),
            "protein": _encode(models["protein"], protein),
        }
        said = plain(views, torch.tensor([len(protein)]))
        return float(said) * one.deviation + one.mean

    changes = []
    for row in range(rows):
        dna, protein = (trials.dataset.frames[view][row] for view in ("dna", "protein"))
        unchanged, *mutated = [say(m.dna, protein) for m in synonyms.mutants(dna, protein)]
        changes += [value - unchanged for value in mutated]
    return np.array(changes)


def _encode(model: Encoder, sequence: str) -> torch.Tensor:
    tokens = model.tokenise(sequence)
    return model(torch.from_numpy(tokens.ids)[None])[:, ~tokens.special]


# --- what both sides work on --------------------------------------------------------------------


def _study(setting: Setting, rows: int, codons: int | None = None) -> Job:
    """A job on made-up coding sequences, mixed in length or of `codons`, with made-up states."""
    folder = setting.folder / f"study{rows}.{codons}"
    receipts = {view: folder / f"{view}.json" for view in MODALITIES}
    if not folder.exists():
        _write(folder, rows, codons, receipts)
    settings = Training(epochs=EPOCHS, batch=BATCH, learning_rate=(RATE,))
    paths = (folder / "records.parquet", folder / "frames.parquet")
    return Job(
        ARMS["concat"], "bench", *paths, receipts, {}, settings, range(SEEDS), folder / "s" / "s", 1
    )


def _write(folder: Path, rows: int, codons: int | None, receipts: dict[str, Path]) -> None:
    folder.mkdir(parents=True)
    random, records, frames = np.random.default_rng(0), [], []
    for row in range(rows):
        # 60 to 996 nt in steps of 6.
        count = codons or 2 * int(random.integers(10, 167))
        chosen = random.choice(SENSE, count)
        dna, protein = "".join(chosen), "".join(CODON[codon] for codon in chosen)
        split = ("train", "train", "train", "train", "val", "test")[row % 6]
        value = float(np.mean([codon[2] in "GC" for codon in chosen]))
        records.append({"id": f"r{row}", "split": split, "sequence": dna, "value": value})
        frames.append(
            {"id": f"r{row}", "dna": dna, "rna": dna.replace("T", "U"), "protein": protein}
            | {"codons": count, "tail": 0, "start": False, "stop": False, "internal_stops": 0}
        )
    for name, rows_of_table, schema in (
        ("records", records, tables.CLEAN),
        ("frames", frames, tables.FRAMES),
    ):
        tables.write(folder / f"{name}.parquet", tables.from_rows(rows_of_table, schema), schema)
    for view, receipt in receipts.items():
        description = {"width": WIDTH, "stored": "float16", "view": view}
        with Writer(folder / "store", description) as writer:
            for letters in sorted({frame[view] for frame in frames}, key=len):
                ends = np.arange(0, len(letters) + 1, LETTERS[view], dtype=np.int32)
                spans = np.stack([ends[:-1], ends[1:]], axis=1)
                states = random.standard_normal((len(spans), WIDTH)).astype(np.float16)
                pooled = states.astype(np.float32).mean(0)
                writer.add(Row(sequence_hash(letters), len(letters), states, spans, pooled))
        write_json(receipt, {"store": str(folder / "store"), "key": writer.key})


def _write_live(setting: Setting, job: Job, rows: int, folder: Path) -> None:
    """An encoder a view, and the states it gives the first `rows` sequences."""
    folder.mkdir()
    table = folder / "frames.parquet"
    tables.write(table, tables.read(job.frames, tables.FRAMES).slice(0, rows), tables.FRAMES)
    for view, (layout, config) in SCRATCH.items():
        entry, model = {"kind": "scratch", "layout": layout, "config": config}, str(folder / view)
        words = ["--entry", json.dumps(entry), "--out", model]
        assert main(["data", "model", "--name", view, *words]) == 0
        words = ["--table", str(table), "--columns", view, "--model", model]
        words += ["--resolution", "codon" if view == "rna" else "native"]
        words += ["--store", str(folder / "store"), "--out", str(folder / f"{view}.json")]
        words += ["--threads", str(setting.threads)]
        assert main(["embeddings", "write", *words]) == 0


def _untrained(job: Job, folder: Path) -> Trials:
    """One seed of concat as it starts, with the stores in `folder`."""
    stores = {view: Store.open(folder / f"{view}.json") for view in MODALITIES}
    torch.manual_seed(0)
    one = Trained(job.arm, 0, "kernel2", (), 0.0, 1.0, CodonModel(job.arm, job.shape).eval())
    return Trials(job.dataset, np.zeros(0), stores, {"concat": [one]}, torch.device("cpu"))


def _total(parts: Iterator[torch.Tensor]) -> torch.Tensor:
    return sum(part.sum() for part in parts)


def _timed(setting: Setting, forward: Callable[[], torch.Tensor]) -> tuple[float, float]:
    """The least seconds of forward and backward, and the MB of tensors kept in between."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward().backward()
    times = [seconds(lambda: forward().backward()) for _ in range(setting.repeats)]
    return min(times), sum(kept.values()) / 1e6


_WATCHED = """
import sys, threading, time
from seqfuse.cli import main
peak, done = [0], threading.Event()
def watch():
    while not done.is_set():
        lines = open("/proc/self/status").read().splitlines()
        held = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
        peak[0] = max(peak[0], held)
        time.sleep(0.01)
threading.Thread(target=watch, daemon=True).start()
assert main(sys.argv[1:]) == 0
done.set()
print(peak[0] / 1024)
"""


def _peak(setting: Setting, job: Job) -> float:
    """The most memory (MB) of its own that `seqfuse codons train` holds, in a fresh process."""
    out = job.records.parent / "trained"
    words = ["codons", "train", "--dataset", "bench", "--arm", "concat", "--seeds", "0"]
    words += ["--records", str(job.records), "--frames", str(job.frames), "--epochs", "1"]
    words += [word for view, path in job.receipts.items() for word in (f"--{view}", str(path))]
    words += ["--threads", str(setting.threads), "--state", str(out / "state" / "concat")]
    words += ["--out", str(out / "out")]
    run = subprocess.run(
        [sys.executable, "-c", _WATCHED, *words], stdout=subprocess.PIPE, text=True, check=True,
        stderr=subprocess.DEVNULL, env=os.environ,
    )  # fmt: skip
    return float(run.stdout)
