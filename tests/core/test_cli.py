"""The command line: every command is documented, light, and answers a mistake with one line."""

import importlib
import subprocess
import sys

import pytest

from seqfuse.cli import STAGES, main

COMMANDS = [
    ([stage, command] if command else [stage], module)
    for stage, (_, commands) in STAGES.items()
    for command, module in commands.items()
]
HEAVY = ("torch", "transformers", "pandas", "pyarrow", "numpy", "sklearn", "matplotlib", "umap")


@pytest.mark.parametrize(("words", "module"), COMMANDS)
def test_help_says_what_a_command_is_for(words, module, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    first_line = importlib.import_module(module).__doc__.split("\n")[0]
    assert first_line in capsys.readouterr().out


@pytest.mark.parametrize("stage", STAGES)
def test_help_imports_nothing_heavy(stage):
    program = (
        "import sys\nfrom seqfuse.cli import main\n"
        f"try:\n    main([{stage!r}, '--help'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stderr.strip().splitlines()[-1] == "[]"


def test_the_end_of_a_command_collects_no_garbage():
    # Python calls what was registered first last.
    program = (
        "import atexit, gc\natexit.register(lambda: print(len(gc.get_objects())))\n"
        "import seqfuse.cli"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 100


def test_a_mistake_is_one_line_and_a_status(capsys, tmp_path):
    status = main(["sequences", "--records", "nowhere.parquet", "--study", "language",
                   "--out", str(tmp_path)])  # fmt: skip
    assert status == 2
    error = capsys.readouterr().err.strip()
    assert error.splitlines()[-1] == "seqfuse sequences: error: nowhere.parquet: no such file"
    assert "Traceback" not in error


def test_full_scale_out_of_memory_is_one_line(monkeypatch, capsys):
    """As torch says it of a model that does not fit at all; other errors keep their traceback."""
    kind = type("OutOfMemoryError", (RuntimeError,), {})
    said = "CUDA out of memory. Tried to allocate 1.16 GiB. GPU 0 has a total capacity of 39.4 GiB"

    def fail(error):
        def run(args):
            raise error

        monkeypatch.setattr("seqfuse.sequences.clean.run", run)
        return main(["sequences", "--records", "a", "--study", "language", "--out", "b"])

    assert fail(kind(said)) == 2
    assert capsys.readouterr().err == (
        "seqfuse sequences: error: CUDA out of memory. Tried to allocate 1.16 GiB; see what else"
        " uses that GPU (`nvidia-smi`), or use one with more memory\n"
    )
    with pytest.raises(RuntimeError, match="no kernel"):
        fail(RuntimeError("no kernel"))


def test_a_closed_pipe_ends_a_command_quietly():
    program = (
        "import argparse, sys\nfrom seqfuse import cli\n"
        "parsed = argparse.Namespace(run=lambda args: [print('row ' * 99) for _ in range(9999)])\n"
        "parser = argparse.Namespace(parse_args=lambda argv: parsed)\n"
        "cli._parser = lambda argv: parser\nsys.exit(cli.main([]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writing:
        writing.stdout.readline()
        writing.stdout.close()
        assert (writing.stderr.read(), writing.wait()) == (b"", 141)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ask", "--model", "m", "--dna", "d.fa", "--threads", "0"], "--threads: at least 1"),
        (["codons", "predict", "--model", "m", "--input", "."], "--input: . is a folder"),
        (["data", "look", "x" * 5000 + ".fa"], "File name too long"),
        (["look", "my.csv"], "no stage 'look'; did you mean `seqfuse data look`?"),
        (["card"], "no stage 'card'; did you mean `seqfuse data card` or `seqfuse codons card`?"),
        ([""], "no stage ''; known: "),
        (["evaluate"], "no stage 'evaluate'; did you mean 'evaluation'?"),
        (["data", "lok", "my.csv"], "data has no command 'lok'; did you mean 'look'?"),
    ],
)
def test_own_data_mistakes_on_the_command_line_are_one_line(words, said, capsys):
    assert main(words) == 2
    found = capsys.readouterr().err
    assert said in found
    assert found.count("\n") == 1
    assert len(found) < 400
