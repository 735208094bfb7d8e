"""The code hash of a stage: what changes it and what does not."""

import importlib.metadata

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
    "registry/captions.yaml": "one: 1\n",
    "settings/__init__.py": "",
    "settings/schema.yaml": "key: 1\n",
    "room/__init__.py": "",
    "room/page.py": "P = 1\n",
    "room/templates/page.html.j2": "<p>1</p>\n",
    "room/templates/parts/style.css": "p {}\n",
    "room/inner/__init__.py": "",
    "room/inner/data.yaml": "inner: 1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "pkg"
    for name, text in MODULES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
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
    fingerprint._data.cache_clear()
    fingerprint._pins.cache_clear()


def changed_by(folder, name, text, *entry) -> bool:
    entry = entry or ("pkg.one",)
    before = fingerprint.code(*entry)
    (folder / name).write_text(text)
    clear()
    return fingerprint.code(*entry) != before


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


def test_the_data_of_a_module_s_folder_counts(package):
    for name in ("room/templates/page.html.j2", "room/templates/parts/style.css", "room/one.js"):
        assert changed_by(package, name, "another", "pkg.room.page"), name
    assert fingerprint.closure("pkg.room.page").files == [
        "room/one.js",
        "room/templates/page.html.j2",
        "room/templates/parts/style.css",
    ]


def test_the_data_of_a_folder_that_it_imports_nothing_of_does_not_count(package):
    assert not changed_by(package, "room/templates/page.html.j2", "another")
    assert not changed_by(package, "room/inner/data.yaml", "another", "pkg.room.page")
    assert changed_by(package, "room/inner/data.yaml", "a third", "pkg.room.inner")


def test_what_lies_beside_the_data_does_not_count(package):
    for name in ("room/templates/page.html.j2~", "room/templates/.DS_Store", "room/page.pyc"):
        assert not changed_by(package, name, "another", "pkg.room.page"), name


def test_the_data_of_the_registry_counts_where_a_module_of_it_is_named(package):
    (package / "one.py").write_text("import pkg.registry.methods, pkg.settings\n")
    clear()
    assert not changed_by(package, "registry/captions.yaml", "one: 2\n")
    named = ("pkg.one", "pkg.registry.methods")
    assert changed_by(package, "registry/captions.yaml", "one: 3\n", *named)


def test_the_data_of_the_settings_does_not_count(package):
    (package / "one.py").write_text("import pkg.settings\n")
    clear()
    assert "pkg.settings" in fingerprint.closure("pkg.one").modules
    assert not changed_by(package, "settings/schema.yaml", "key: 2\n")


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


def test_without_a_lock_what_is_installed_counts(package):
    (package / "two.py").write_text("import numpy\n")
    fingerprint.LOCK.unlink()
    clear()
    assert fingerprint.closure("pkg.one").distributions == ["numpy"]
    assert fingerprint._pins()["numpy"] == importlib.metadata.version("numpy")


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
