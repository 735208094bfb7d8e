"""Tiny backbones, made-up encoder states, and methods built on them."""

import contextlib
import multiprocessing
import os
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

SIZES = {
    "initializer_range": 0.02,
    "vocab_size": 384,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
}
TEXTS = [
    "Does the variant change the site? Answer: yes",
    "Which disease follows? The site is lost, so the gene BRCA1 is silent. Answer: anaemia",
    "Is there a promoter in the sequence? Answer: no",
]


class States:
    """Encoder states by sequence, as the embedding store gives them: float16 [T, 8]."""

    width = 8

    def get(self, sequence: str) -> np.ndarray:
        """A state for every six nucleotides or less, seeded by the sequence."""
        seed = np.frombuffer(sequence.encode(), np.uint8)
        rows = -(-len(sequence) // 6)
        return np.random.default_rng(seed).normal(size=(rows, self.width)).astype(np.float16)


def _backbone(folder: Path, **config) -> Path:
    """A scratch model with sharper weights: as drawn, it gives all tokens one probability."""
    from safetensors.torch import load_file, save_file

    from seqfuse.encoders.models import random_models

    random_models.write("qwen3", SIZES | config, 0, TEXTS, folder)
    path = folder / "model.safetensors"
    tensors = {k: v * (10 if v.ndim == 2 else 1) for k, v in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    """One thread and one seed, so that every test gives the same numbers wherever it runs."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def backbone(tmp_path_factory) -> Path:
    """A Qwen3 folder with tied embeddings, as Qwen3-1.7B has."""
    return _backbone(tmp_path_factory.mktemp("tied"))


@pytest.fixture(scope="session")
def untied(tmp_path_factory) -> Path:
    """A Qwen3 folder whose output table is one of its own, as Qwen3-8B has."""
    return _backbone(tmp_path_factory.mktemp("untied"), tie_word_embeddings=False)


@pytest.fixture
def build(backbone):
    """A method by name; settings that a test does not name are small."""
    from seqfuse.language.methods.linear import Linear
    from seqfuse.language.methods.method import Setup
    from seqfuse.language.methods.onevocab import OneVocab
    from seqfuse.language.methods.qformer import QFormer
    from seqfuse.language.methods.text_only import TextOnly

    onevocab = {"k": 2, "alphabet": "ACGTN", "initialisation": "random"}
    known = {
        "linear": (Linear, {}),
        "qformer": (
            QFormer,
            {
                "latents": 3,
                "blocks": 2,
                "heads": 4,
                "head_width": 6,
                "mlp_width": 48,
                "norms": False,
            },
        ),
        "onevocab": (OneVocab, onevocab | {"trainable_parts": ("dna", "text", "backbone")}),
        "text_only": (TextOnly, {}),
    }

    def make(name: str, folder: Path = backbone, settings=None, seed: int = 0, **setup):
        kind, defaults = known[name]
        if settings is None:
            settings = defaults
        elif "offset" not in settings:
            settings = defaults | settings
        torch.manual_seed(seed)
        return kind(
            Setup(folder, settings=settings, states=States(), encoder_width=States.width, **setup)
        )

    return make


@pytest.fixture
def prompt():
    """A prompt from its sequences; the rest may be left out."""
    from seqfuse.language.prompts import Dna, Prompt

    def make(*sequences, question="Is it lost?", thinks=False, label="yes", reasoning=None, id="a"):
        dna = tuple(map(Dna, sequences))
        return Prompt(id, "demo", dna, question, thinks, reasoning, label)

    return make


@pytest.fixture
def record():
    """A cleaned record; what a test does not name is null."""

    def make(**columns):
        absent = dict.fromkeys(("variant", "question", "label", "reasoning"))
        return {"id": "r1", "split": "train", "sequence": "ACGT"} | absent | columns

    return make


def _together(count: int, work, folder: Path, joins: bool = False) -> list:
    """What `work()` returns in each of `count` processes; their exit codes where it does not.

    `joins` says that the work itself joins the other processes.
    """
    with contextlib.closing(socket.socket()) as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]

    def child(rank: int):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
        os.environ.update({k: str(v) for k, v in place.items()}, MASTER_ADDR="localhost")
        torch.set_num_threads(1)
        from seqfuse.training.distributed import launch

        with contextlib.nullcontext() if joins else launch.started(count):
            (folder / f"{rank}.pickle").write_bytes(pickle.dumps(work()))

    folder.mkdir(exist_ok=True)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=child, args=(rank,)) for rank in range(count)]
    for one in children:
        one.start()
    for one in children:
        one.join()
    found = [folder / f"{rank}.pickle" for rank in range(count)]
    return [
        pickle.loads(path.read_bytes()) if path.exists() else one.exitcode
        for path, one in zip(found, children, strict=True)
    ]


@pytest.fixture
def together():
    """What a function returns in each of several processes."""
    return _together


@pytest.fixture
def examples_of(prompt):
    """Eight examples of many lengths for a method: chunks hold few, so that shares are uneven."""

    def make(method) -> list:
        rng = np.random.default_rng(3)
        made = []
        for number in range(8):
            sequence = "".join(rng.choice(list("ACGT"), 7 + 6 * number))
            answer = {"thinks": True, "reasoning": "It is lost. " * number} if number % 2 else {}
            made.append(method.encode(prompt(sequence, sequence[:9], **answer), answer=True))
        return made

    return make


# --- a whole small project on disk, for the commands ----------------------------------------------


def _suite_rows(seed: int, count: int) -> list[dict]:
    """Variant records: the question tells the label of the even ones, the allele that of all."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(count):
        split = "train" if i < count - 8 else ("val", "test")[i % 2]
        reference = "".join(rng.choice(list("ACGT"), 30))
        allele = "GT"[(i // 2) % 2]
        label = {"G": "grey", "T": "tawny"}[allele]
        question = f"Gene of {label} mice. Which colour?" if i % 2 == 0 else "Which colour?"
        rows.append(
            {
                "id": f"r{i}",
                "split": split,
                "sequence": reference,
                "variant": reference[:12] + allele + reference[13:],
                "question": question,
                "label": label,
                "reasoning": f"The allele is {allele}.",
            }
        )
    return rows


def _pair_rows(count: int) -> list[dict]:
    rng = np.random.default_rng(7)
    kinds = ("kinase", "ligase", "receptor")
    return [
        {
            "id": f"g{i}",
            "split": "train" if i < count - 8 else ("val", "test")[i % 2],
            "sequence": "".join(rng.choice(list("ACGT"), 24 + 3 * (i % 4))),
            "text": f"A {kinds[i % 3]} of family {i % 5}.",
            "group": kinds[i % 3],
        }
        for i in range(count)
    ]


def _write_records(path: Path, rows: list[dict]) -> Path:
    from seqfuse import tables

    path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(path, tables.from_rows(rows, tables.CLEAN), tables.CLEAN)
    return path


@pytest.fixture
def write_records():
    """Write rows as a cleaned table."""
    return _write_records


@pytest.fixture
def suite_rows():
    """Rows of the small project's variant records, by seed and number."""
    return _suite_rows


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """Records of two datasets and of gene-text pairs, models, receipts, and a pre-training."""
    from seqfuse import cli
    from seqfuse.encoders.models import random_models

    root = tmp_path_factory.mktemp("project")
    for name, seed in (("mice", 0), ("rats", 1)):
        _write_records(root / name / "records.parquet", _suite_rows(seed, 28))
    _write_records(root / "genes" / "records.parquet", _pair_rows(24))
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    for name, layout, config in (
        # Weights of the usual size: with smaller ones a model learns too slowly for a test.
        ("qwen3", "qwen3", SIZES | {"initializer_range": 0.125}),
        ("nt", "nucleotide-transformer-v2", sizes | {"num_hidden_layers": 1}),
        ("bert", "bert", sizes | {"num_hidden_layers": 1, "vocab_size": 200}),
    ):
        (root / name).mkdir()
        random_models.write(layout, config, 0, [*TEXTS, "Gene of grey, tawny mice."], root / name)
    run(root, *pretraining(root, root / "seqclip"))
    for encoder, folder in (("nt", root / "nt"), ("seqclip", root / "seqclip" / "encoder")):
        for name in ("mice", "rats"):
            argv = ["embeddings", "write", "--columns", "sequence", "variant"]
            argv += ["--table", root / name / "records.parquet", "--model", folder]
            argv += ["--store", root / "store", "--out", root / name / f"{encoder}.json"]
            assert cli.main([str(word) for word in argv]) == 0
    return root


def pretraining(root: Path, out: Path) -> list:
    """The words of a small pre-training."""
    return [
        "pretrain", "--pairs", root / "genes" / "records.parquet", "--encoder", root / "nt",
        "--text-encoder", root / "bert", "--backbone", root / "qwen3",
        "--steps", 6, "--batch", 4, "--validate-every", 3,
        "--text-vectors", root / "text_vectors",
        "--state", out.parent / "state" / out.name, "--out", out,
    ]  # fmt: skip


def finetuning(root: Path, method: str, out: Path, *more) -> list:
    """The words of a small fine-tuning on both datasets, with two seeds."""
    words = ["finetune", "--suite", "pets", "--method", method, "--datasets", "mice", "rats"]
    words += ["--records", *records(root), "--backbone", root / "qwen3"]
    words += [*embeddings(root, method), "--seeds", 0, 3, "--steps", 5, "--batch", 4]
    words += ["--validate-every", 2, "--k", 3, "--latents", 2, "--blocks", 1]
    words += ["--heads", 4, "--head-width", 8, "--mlp-width", 64]
    if method == "seqclip":
        words += ["--pretrained", root / "seqclip"]
    if method == "linear_tuned":
        words += ["--encoder", root / "nt"]
    return [*words, "--state", out.parent / "state" / out.name, "--out", out, *more]


def prediction(root: Path, method: str, model: Path, out: Path, *more) -> list:
    """The words of a prediction of both datasets."""
    words = ["predict", "--model", model, "--datasets", "mice", "rats", "--records", *records(root)]
    return [*words, *embeddings(root, method), "--max-new-tokens", 12, "--out", out, *more]


def probing(root: Path, model: Path, out: Path, *more) -> list:
    """The words of a probe of both datasets."""
    words = ["probe", "--model", model, "--datasets", "mice", "rats", "--records", *records(root)]
    return [*words, "--max-new-tokens", 12, "--out", out, *more]


def records(root: Path) -> list[Path]:
    """The cleaned records of both datasets."""
    return [root / name / "records.parquet" for name in ("mice", "rats")]


def embeddings(root: Path, method: str) -> list:
    """The receipts that a method reads."""
    from seqfuse.registry.methods import METHODS

    if not METHODS[method].reads_store:
        return []
    encoder = "seqclip" if METHODS[method].pretrained else "nt"
    return ["--embeddings", *(root / name / f"{encoder}.json" for name in ("mice", "rats"))]


def run(root: Path, *words, status: int = 0) -> None:
    """Run one command of the stage in this process; it must end with `status`."""
    from seqfuse import cli

    assert cli.main(["language", *map(str, words)]) == status


class Commands:
    """The stage's commands on the small project."""

    def __init__(self, root: Path, capsys):
        self.root, self._capsys = root, capsys

    def finetuning(self, method: str, out: Path) -> list:
        """The words of a fine-tuning of `method` into `out`."""
        return finetuning(self.root, method, out)

    def pretraining(self, out: Path) -> list:
        """The words of a pre-training into `out`."""
        return pretraining(self.root, out)

    def interrupted(self, words: list) -> str:
        """The one line with which a command ends that Ctrl-C has come to."""
        self._capsys.readouterr()
        run(self.root, *words, status=130)
        lines = self._capsys.readouterr().err.splitlines()
        assert not any("Traceback" in line for line in lines)
        (line,) = [line for line in lines if "interrupted" in line]
        return line

    def pretrain(self, out: Path, *more) -> Path:
        """Pre-train into `out`; later words win."""
        run(self.root, *pretraining(self.root, out), *more)
        return out

    def finetune(self, method: str, out: Path, *more) -> Path:
        """Fine-tune `method` into `out`."""
        run(self.root, *finetuning(self.root, method, out), *more)
        return out

    def trying(self, method: str, model: Path, out: Path, *more) -> list:
        """The words of a trial of one learning rate, from which `model` is fine-tuned on."""
        words = finetuning(self.root, method, model)[1:]
        return ["trial", *words, "--out", out, *more]

    def trial(self, method: str, model: Path, out: Path, *more) -> None:
        """Try one learning rate."""
        run(self.root, *self.trying(method, model, out, *more))

    def run(self, *words) -> None:
        """Any command of the stage."""
        run(self.root, *words)

    def predict(self, method: str, model: Path, out: Path, *more) -> Path:
        """Predict into `out`."""
        run(self.root, *prediction(self.root, method, model, out), *more)
        return out

    def probe(self, model: Path, out: Path, *more) -> Path:
        """Probe into `out`."""
        run(self.root, *probing(self.root, model, out), *more)
        return out

    def at(self, root: Path) -> "Commands":
        """The same commands on another project."""
        return Commands(root, self._capsys)

    def refused(self, words: list) -> str:
        """The one line with which a command refuses its input."""
        from seqfuse import cli

        self._capsys.readouterr()
        assert cli.main(["language", *map(str, words)]) == 2
        lines = self._capsys.readouterr().err.strip().splitlines()
        assert "error:" in lines[-1]
        assert not any("Traceback" in line for line in lines)
        return lines[-1]

    def refused_finetune(self, method: str, out: Path, *more) -> str:
        """How a fine-tuning is refused."""
        return self.refused(finetuning(self.root, method, out, *more))

    def refused_predict(self, method: str, model: Path, out: Path, *more) -> str:
        """How a prediction is refused."""
        return self.refused(prediction(self.root, method, model, out, *more))

    def refused_probe(self, model: Path, out: Path, *more) -> str:
        """How a probe is refused."""
        return self.refused(probing(self.root, model, out, *more))

    def refused_pretrain(self, out: Path, *more) -> str:
        """How a pre-training is refused."""
        return self.refused([*pretraining(self.root, out), *more])


@pytest.fixture
def commands(project, capsys) -> Commands:
    """The stage's commands, to be called as functions."""
    return Commands(project, capsys)


@pytest.fixture
def content():
    """Every file of a folder by name, logs and costs without what depends on the clock."""
    import json

    from seqfuse.training.trainer import CLOCKED

    def read(folder: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = str(path.relative_to(folder))
            if path.name == "log.jsonl":
                lines = map(json.loads, path.read_text().splitlines())
                found[name] = [line | dict.fromkeys(CLOCKED) for line in lines]
            elif path.name == "cost.json":
                cost = json.loads(path.read_text())
                for seed in cost["seeds"]:
                    seed["seconds"] = seed["peak_memory_mb"] = None
                found[name] = cost
            else:
                found[name] = path.read_bytes()
        return found

    return read


@pytest.fixture
def interrupt(monkeypatch):
    """Let Ctrl-C come twice while the n-th training step from now is computed."""
    import os
    import signal

    from seqfuse.training.trainer import Trainer

    def arm(step: int) -> None:
        whole, done = Trainer._step, []

        def interrupted(self, examples):
            done.append(None)
            if len(done) == step:
                for _ in range(2):
                    os.kill(os.getpid(), signal.SIGINT)
            return whole(self, examples)

        monkeypatch.setattr(Trainer, "_step", interrupted)

    yield arm
