"""A run of both studies in miniature, with settings whose consequences are known by hand."""

from types import SimpleNamespace

import pytest

from seqfuse.plan.run import Run
from seqfuse.settings import configuration

CONFIG = {
    "preset": "demo",
    "run": "small",
    "seeds": [3, 5],
    "gpu": {"count": 2, "nodes": 1, "model": "a100"},
    "jobs": {
        "light": {"threads": 1, "mem_mb": 100, "runtime": 7},
        "gpu": {"threads": 4, "mem_mb": 1000, "runtime": 30},
    },
    "language": {
        # demo-variants alone has reference reasoning, and variants.
        "suites": {"variants": ["demo-variants"], "tasks": ["demo-promoter", "demo-splice"]},
        "methods": ["linear", "seqclip", "onevocab", "linear_tuned", "text_only", "dna_only"],
        "probe": {"exclude_suites": ["tasks"]},
        "training": {"learning_rate": [0.1, 0.2, 0.3], "lora_rank": 0},
        "overrides": {"linear": {"learning_rate": 0.1, "lora_rank": 2}},
    },
    "codons": {
        "datasets": ["demo-classes", "demo-expression"],
        "arms": ["dna", "protein", "mil", "xattn", "concat_lora", "concat_shuffled"],
        "ablations": ["mil_token", "concat_unaligned"],
        "training": {
            "learning_rate": [0.1, 0.2],
            "entropy": [0, 0.01, 1],
            "parameter_budget": 1000,
            "lora_rank": 2,
        },
        "overrides": {"concat_lora": {"tuned": ["dna", "rna"]}},
    },
}
# They replace the preset's, which `merge` would keep.
VARIANTS = {
    "onevocab_k3": {"method": "onevocab", "k": 3},
    "seqclip_hot": {"method": "seqclip", "pretrain": {"temperature": 0.5}},
    "seqclip_random": {"method": "seqclip", "encoder": "demo-nt@random"},
    "dna_only_long": {"method": "dna_only", "steps": 9},
}


def resolved(changed: dict) -> dict:
    settings = configuration.resolve(configuration.merge(CONFIG, changed))
    settings["language"]["variants"] = VARIANTS
    return settings


@pytest.fixture(scope="session")
def make_run():
    """Make the run with some settings changed, as `language={"methods": [...]}`."""
    return lambda **changed: Run(resolved(changed))


@pytest.fixture(scope="session")
def small_run(make_run) -> Run:
    return make_run()


@pytest.fixture(scope="session")
def of():
    """Wildcards of a job, as `of(suite="tasks")`."""
    return SimpleNamespace
