"""Seeded, untrained language models and text encoders; their tokenisers learn from a run's text."""

import json
from pathlib import Path

# The number of rows of a language model's embedding table is a multiple of this, and exceeds the
# number of tokens, as in Qwen3.
_ROWS = 128
_QWEN_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
_QWEN_THINK = ["<think>", "</think>"]
# Turns in the format of Qwen3's own template.
_QWEN_TEMPLATE = """{% for message in messages -%}
<|im_start|>{{ message.role + '\n' }}
{%- if message.role == 'assistant' %}{{ '<think>\n' }}
{{- message.reasoning_content | default('') }}{{ '\n</think>\n\n' }}{% endif %}
{{- message.content }}<|im_end|>{{ '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>{{ 'assistant\n' }}
{%- if enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"""
# The words of the chat format and of the answer around every text.
_QWEN_FORMAT = "user\n assistant\n\nAnswer:"
_BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def read_texts(paths: list[str]) -> list[str]:
    """The distinct texts of the training records in tables of records, in order.

    Other splits are left out, because test data should not shape a tokeniser.
    """
    import pyarrow.compute as pc

    from seqfuse import tables

    columns = ["question", "reasoning", "label", "text"]
    texts = {}
    for path in paths:
        table = tables.read(path, tables.RECORDS, ["split", *columns])
        table = table.filter(pc.equal(table["split"], "train"))
        for column in columns:
            texts |= dict.fromkeys(table[column].drop_null().to_pylist())
    return list(texts)


def write_qwen3(config: dict, seed: int, texts: list[str], folder: Path) -> None:
    """Write a language model; its byte-level BPE tokeniser learns up to `vocab_size` tokens in all,
    or up to `learned_tokens` with a table of `vocab_size` rows."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM
    from transformers.utils import logging

    learned = config["learned_tokens"]
    config = {key: value for key, value in config.items() if key != "learned_tokens"}
    tokeniser = qwen_tokeniser(texts, learned or config["vocab_size"])
    end, _, stop = tokeniser.convert_tokens_to_ids(_QWEN_SPECIAL)
    ids = {"bos_token_id": end, "eos_token_id": stop, "pad_token_id": end}
    rows = {} if learned else {"vocab_size": len(tokeniser) // _ROWS * _ROWS + _ROWS}
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    Qwen3ForCausalLM(Qwen3Config(**(config | ids | rows))).save_pretrained(folder)
    tokeniser.save_pretrained(folder)


def hollow(layout: str, config: dict) -> tuple[object, object]:
    """A stand-in for a tokeniser, and a language model on the meta device: shapes, no weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokeniser = qwen_tokeniser(["user assistant"], 600)
    end, _, stop = tokeniser.convert_tokens_to_ids(_QWEN_SPECIAL)
    ids = {"bos_token_id": end, "eos_token_id": stop, "pad_token_id": end}
    with torch.device("meta"):
        return tokeniser, AutoModelForCausalLM.from_config(
            AutoConfig.for_model(layout, **(config | ids))
        )


def hollow_encoder(layout: str, config: dict) -> object:
    """A text encoder, or a language model without its head, on the meta device."""
    import torch
    from transformers import AutoConfig, AutoModel

    with torch.device("meta"):
        return AutoModel.from_config(AutoConfig.for_model(layout, **config)).eval()


def qwen_tokeniser(texts: list[str], size: int):
    """Qwen's tokeniser with a vocabulary learnt from `texts`; the special tokens come last."""
    from tokenizers import AddedToken, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    learner = Qwen2Tokenizer().backend_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(_QWEN_SPECIAL) - len(_QWEN_THINK),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    learner.train_from_iterator([*texts, *[_QWEN_FORMAT] * len(texts)], trainer)
    learned = json.loads(learner.to_str())["model"]
    tokeniser = Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=[tuple(merge) for merge in learned["merges"]],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    tokeniser.add_tokens(_QWEN_SPECIAL, special_tokens=True)
    tokeniser.add_tokens([AddedToken(token, normalized=False) for token in _QWEN_THINK])
    tokeniser.chat_template = _QWEN_TEMPLATE
    return tokeniser


def write_bert(config: dict, seed: int, texts: list[str], folder: Path) -> None:
    """Write a text encoder with a lower-casing WordPiece tokeniser of up to `vocab_size` tokens."""
    import torch
    from tokenizers import trainers
    from transformers import BertConfig, BertModel, BertTokenizer
    from transformers.utils import logging

    learner = BertTokenizer().backend_tokenizer
    letters = sorted(set("".join(map(learner.normalizer.normalize_str, texts)).replace(" ", "")))
    trainer = trainers.WordPieceTrainer(
        vocab_size=config["vocab_size"],
        # As special tokens, the one-letter pieces get their ids from here. Otherwise the ids would
        # follow a hash map's order, which changes in every run and decides ties between merges.
        special_tokens=[*_BERT_SPECIAL, *(f"##{letter}" for letter in letters)],
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    tokeniser = BertTokenizer(vocab=learner.get_vocab())
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    BertModel(BertConfig(**(config | {"vocab_size": len(tokeniser)}))).save_pretrained(folder)
    tokeniser.save_pretrained(folder)


def fill_language_model(source: Path, seed: int, folder: Path) -> None:
    """Write a language model with the config and tokeniser of `source`, and random weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(seed)
    config = AutoConfig.from_pretrained(source, local_files_only=True)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, local_files_only=True).save_pretrained(folder)
