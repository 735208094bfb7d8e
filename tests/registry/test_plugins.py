"""Methods, arms and controls of one's own, from files outside the package."""

import json
import os
import subprocess
import sys

import pytest

FUSION = '''"""The mean of the projected modalities."""

from beside import SCALE
from seqfuse.codons.fusions.fusion import Fused
from seqfuse.registry.arms import Arm
from seqfuse.registry.controls import Control

ARM = Arm("own_mean", "My mean", ("dna", "rna"), "my_fusion:Mean")
Control("own_length", "My length", "codons", "Ridge on lengths.", features="my_fusion:lengths")


class Mean:
    scale = SCALE


def lengths(sequences):
    return [[len(sequence)] for sequence in sequences]
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my_fusion.py").write_text(FUSION)
    (tmp_path / "beside.py").write_text("SCALE = 2\n")
    return tmp_path


@pytest.fixture
def python(folder, root):
    """Run Python with the plugin registered as a command has it; what it prints, as JSON."""

    def run(code: str, register: str = "my_fusion.py", check: bool = True):
        environment = os.environ | {
            "PYTHONPATH": str(root / "workflow"), "SEQFUSE_PLUGINS": register
        }  # fmt: skip
        start = "import json; from seqfuse.registry import plugins; from seqfuse import fingerprint"
        done = subprocess.run(
            [sys.executable, "-c", f"{start}\nplugins.register(fingerprint.plugins())\n{code}"],
            cwd=folder, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)
        return done.stderr.splitlines()[-1]

    return run


def test_a_file_is_read_and_run_only_where_it_is_used(python):
    seen = python(
        "import sys\n"
        "from seqfuse.registry import arms, titles\n"
        "before = 'my_fusion' in sys.modules\n"
        "cls = plugins.load(arms.ARMS['own_mean'].fusion)\n"
        "of = plugins.features('codons')['own_length']\n"
        "print(json.dumps([before, cls.scale, of(['ACG']), titles.TITLES['own_mean'],"
        " titles.TITLES['own_length'], plugins.features('language')]))"
    )
    assert seen == [False, 2, [[3]], "My mean", "My length", {}]


def test_it_is_hashed_with_what_lies_beside_it(python, folder):
    hashed = "print(json.dumps([fingerprint.code('seqfuse.codons.train', 'my_fusion'),"\
        " fingerprint.closure('my_fusion').modules]))"  # fmt: skip
    first, modules = python(hashed)
    assert {"my_fusion", "beside", "seqfuse.codons.fusions.fusion"} <= set(modules)
    (folder / "my_fusion.py").write_text(FUSION + "\n# a comment\n")
    assert python(hashed)[0] == first
    (folder / "beside.py").write_text("SCALE = 3\n")
    assert python(hashed)[0] != first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ARM = 1", "declares no Method or Arm or Control at its top level"),
        ("X = (", "line 1: '(' was never closed"),
        ("Arm('mil', 'Mine', ('dna',), 'my_fusion:X')", "line 1: 'mil' is taken"),
        ("Arm('a.b', 'Mine', ('dna',), 'my_fusion:X')", "may have only letters, digits and _"),
        ("n = 2\nArm('own', 'Mine', views(), 'my_fusion:X')", "line 2: write plain values"),
        ("Arm('own', 'Mine', ('dna',), fuse='x')", "unexpected keyword argument 'fuse'"),
        ("Control('own', 'Mine', 'codons', 'What.')", "a control needs a study (language, codons)"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(python, folder, text, said):
    (folder / "my_fusion.py").write_text(text)
    assert said in python("", check=False)


def test_names_that_are_taken_are_refused(python, folder):
    (folder / "own").mkdir()
    (folder / "own" / "yaml.py").write_text(FUSION)
    assert "yaml.py: Python already has a module yaml; rename" in python("", "own/yaml.py", False)
    assert "absent.py: no such file" in python("", "absent.py", False)


def test_a_command_takes_a_plugin_from_the_environment(folder, root):
    environment = os.environ | {"PYTHONPATH": str(root / "workflow"), "SEQFUSE_PLUGINS": "gone.py"}
    command = [sys.executable, "-m", "seqfuse.cli", "codons", "train", "--help"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2, "seqfuse: error: plugins: gone.py: no such file\n"
    )  # fmt: skip
