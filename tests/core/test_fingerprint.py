"""The code hash of a stage: what changes it and what does not."""

import pytest

from seqfuse import fingerprint

ONE = '''"""One."""
from pkg import two


def run():
    """Run."""
    import pkg.three
    return 1
'''
MODULES = {
    "__init__.py": "",
    "one.py": ONE,
    "two.py": "X = 1\n",
    "three.py": "Y = 1\n",
    "four.py": "Z = 1\n",
    "registry/__init__.py": "",
    "registry/methods.py": "ENTRIES = 1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "pkg"
    folder.mkdir()
    (folder / "registry").mkdir()
    for name, text in MODULES.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(fingerprint, "PACKAGE", folder)
    lock = tmp_path / "requirements.lock"
    lock.write_text("torch==1\nnumpy==1\n")
    monkeypatch.setattr(fingerprint, "LOCK", lock)
    clear()
    yield folder
    clear()


def clear():
    fingerprint.code.cache_clear()
    fingerprint.closure.cache_clear()
    fingerprint._parsed.cache_clear()
    fingerprint._pins.cache_clear()


def changed_by(folder, name, text) -> bool:
    before = fingerprint.code("pkg.one")
    (folder / name).write_text(text)
    clear()
    return fingerprint.code("pkg.one") != before


def test_its_own_code_counts(package):
    assert changed_by(package, "one.py", MODULES["one.py"].replace("return 1", "return 2"))


def test_an_import_at_the_top_counts(package):
    assert changed_by(package, "two.py", "X = 2\n")


def test_an_import_inside_a_function_counts(package):
    assert changed_by(package, "three.py", "Y = 2\n")


def test_a_module_it_does_not_import_does_not_count(package):
    assert not changed_by(package, "four.py", "Z = 2\n")


def test_comments_docstrings_and_formatting_do_not_count(package):
    text = (
        MODULES["one.py"].replace('"""One."""', '"""Another."""').replace('"""Run."""', "'''R'''")
    )
    assert not changed_by(
        package, "one.py", "# a comment\n" + text.replace("return 1", "return  1")
    )


def test_a_register_that_is_imported_does_not_count(package):
    (package / "one.py").write_text("from pkg.registry.methods import ENTRIES\n")
    clear()
    assert not changed_by(package, "registry/methods.py", "ENTRIES = 2\n")


def test_a_register_that_is_named_counts(package):
    before = fingerprint.code("pkg.one", "pkg.registry.methods")
    (package / "registry/methods.py").write_text("ENTRIES = 2\n")
    clear()
    assert fingerprint.code("pkg.one", "pkg.registry.methods") != before


def test_a_module_counts_whatever_it_is_called(package):
    (package / "catalogue.py").write_text("def better(): return 1\n")
    (package / "one.py").write_text("from pkg.catalogue import better\n")
    clear()
    assert changed_by(package, "catalogue.py", "def better(): return 2\n")


def test_a_version_of_what_it_imports_counts_and_says_so(package):
    (package / "two.py").write_text("import torch.nn\nimport yaml\n")
    clear()
    before = fingerprint.code("pkg.one")
    for lock in ("torch==2\nnumpy==1\nPyYAML==1\n", "torch==1\nnumpy==1\nPyYAML==2\n"):
        fingerprint.LOCK.write_text(lock)
        clear()
        now = fingerprint.code("pkg.one")
        assert before.split(", packages ")[0] == now.split(", packages ")[0]
        assert before.split(", packages ")[1] != now.split(", packages ")[1]


def test_a_version_of_what_it_does_not_import_does_not_count(package):
    (package / "two.py").write_text("import torch.nn\n")
    clear()
    before = fingerprint.code("pkg.one")
    fingerprint.LOCK.write_text("torch==1\nnumpy==2\npyfaidx==1\n")
    clear()
    assert fingerprint.code("pkg.one") == before


def test_the_locks_order_and_comments_do_not_count(package):
    (package / "two.py").write_text("import torch, numpy\n")
    clear()
    before = fingerprint.code("pkg.one")
    fingerprint.LOCK.write_text("# a comment\nnumpy==1\n\ntorch==1\n")
    clear()
    assert fingerprint.code("pkg.one") == before


def test_a_method_is_not_retrained_for_the_code_of_another():
    clear()
    stage = "seqfuse.language.finetune"
    one = fingerprint.code(stage, "seqfuse.language.methods.linear")
    other = fingerprint.code(stage, "seqfuse.language.methods.qformer")
    assert one != other
