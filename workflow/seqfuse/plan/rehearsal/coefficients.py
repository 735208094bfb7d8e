"""Coefficients of memory and FLOP of each method and model shape: traced once, kept in files.

A *request* names everything that the coefficients depend on: the method, the shapes of its models,
what is trained, and the precision. `seqfuse language trace` answers it, which needs torch and about
a minute; this module needs neither. resources/coefficients.json has the answers for the presets and
the models of the catalogue, results/coefficients.json those that were traced on this machine.
"""

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.files import canonical_json, read_json, write_json
from seqfuse.plan.run import Run
from seqfuse.registry import codon_encoders
from seqfuse.registry.methods import OWN_SETTINGS
from seqfuse.settings.advice import in_yaml
from seqfuse.settings.paths import RESOURCES

SHIPPED = RESOURCES / "coefficients.json"
OWN = Path("results", "coefficients.json")
# The keys of a config.json that determine the size of a model.
_SIZES = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers"),
    *("num_attention_heads", "num_key_value_heads", "head_dim", "max_position_embeddings"),
    *("tie_word_embeddings", "embed_dim", "ffn_embed_dim", "layers", "attention_heads"),
)
# Shorter k-mers are estimated as these.
_K = 6
Request = Mapping[str, object]


class Unknown(UserError):
    """No file has the answer to a request yet."""

    def __init__(self, request: Request):
        super().__init__(f"not traced yet: {canonical_json(request)}")
        self.request = request


class Coefficients:
    """The answers that are known."""

    def __init__(self, files: Iterable[Path] = (SHIPPED, OWN)):
        self._answers: dict[str, dict] = {}
        for path in files:
            self._answers |= _read(path, path.stat().st_mtime_ns if path.is_file() else 0)

    def of(self, request: Request) -> dict[str, dict[str, float]]:
        """The answer to a request; `Unknown` if there is none."""
        key = canonical_json(request)
        if key not in self._answers:
            raise Unknown(request)
        return self._answers[key]


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> dict[str, dict]:
    if not path.is_file():
        return {}
    return {canonical_json(entry["asked"]): entry["found"] for entry in read_json(path)}


def keep(path: Path, answers: Iterable[tuple[Request, Mapping]]) -> None:
    """Add answers to a file."""
    known = {canonical_json(e["asked"]): e for e in (read_json(path) if path.is_file() else [])}
    known |= {canonical_json(a): {"asked": a, "found": f} for a, f in answers}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, [known[key] for key in sorted(known)])


def model(run: Run, name: str) -> dict:
    """Layout and sizes of a model: those that its entry declares, whose coefficients come with the
    package, or else those of its folder if it exists."""
    if fused := codon_encoders.CodonEncoder.of(name):
        # How wide its states are is known once its arm is trained: about as wide as an encoder's.
        name = run.settings["codons"]["encoders"][fused.modalities[-1]]
    plain = name.removesuffix("@random")
    if name in run.pretrainings():
        plain = run.model_of(name, "encoder").removesuffix("@random")
    entry = run.settings["models"][plain]
    sizes = _sizes(entry.get("config", {}) | entry.get("shape", {}))
    places = [Path(run.results, "data", "models", plain), Path(entry.get("path", "nowhere"))]
    configs = [path / "config.json" for path in places if (path / "config.json").is_file()]
    if configs and not sizes:
        sizes = _sizes(json.loads(configs[0].read_text("utf-8")))
    if not sizes and entry["kind"] != "scratch":
        key = in_yaml({"models": {plain: {"shape": {"hidden_size": "SIZE"}}}})
        raise UserError(
            f"model {plain!r}: its entry does not declare its size; add the sizes of its"
            f" config.json, {key} and the others, or fetch the model first"
        )
    return {"layout": entry["layout"], "shape": sizes}


def _sizes(config: Mapping) -> dict:
    return {name: config[name] for name in _SIZES if config.get(name) is not None}


def of_method(
    run: Run, suite: str, name: str, job: str, *, checkpointing: bool = False, precision: str = ""
) -> dict:
    """The request for a method or variant on a suite: `job` finetune or predict."""
    method, training = run.method(name), run.finetuning(suite, name)
    own = run.settings["language"][method.name] if method.name in OWN_SETTINGS else {}
    reads = method.reads_store or method.trains_encoder
    learns = job == "finetune"
    # A fusion that a method goes on training has 1 % of the parameters of a small backbone.
    adapter = "linear" if method.trains_fusion else method.name
    settings = {key: training[key] for key in own}
    if method.name == "onevocab":
        # The initialisation costs nothing, and a table of fewer rows saves little: the rows of
        # 6-mers are 2 % of the weights of Qwen3-1.7B.
        settings |= {"initialisation": "random", "k": max(training["k"], _K)}
        settings |= {} if learns else {"trainable_parts": ["dna"]}
    return {
        "job": job,
        "method": adapter,
        "backbone": model(run, run.model_of(name, "backbone")) if method.generates else None,
        "encoder": model(run, run.model_of(name, "encoder")) if reads else None,
        "lora_rank": training["lora_rank"] if learns else 0,
        "gradient_checkpointing": learns and checkpointing,
        "precision": precision or training["precision"],
        "settings": settings,
    }


def of_encoder(run: Run, name: str, job: str, precision: str) -> dict:
    """The request for an encoder: `job` embed or contrast."""
    return {"job": job, "encoder": model(run, name), "precision": precision}


def of_text(run: Run, name: str, precision: str) -> dict:
    """The request for a text encoder, or for a language model in its place."""
    return {"job": "embed", "encoder": model(run, name), "precision": precision}
