"""Tiny folders of every layout that may be a backbone, with chat templates in the forms that are
common: ChatML, headers behind a BOS token, [INST], a model that has no system turn, plain words."""

import json
import string
from pathlib import Path

CHATML = """\
{%- if messages[0].role != 'system' %}
{{- '<|im_start|>system\\nHelp.<|im_end|>\\n' }}
{%- endif %}
{%- for m in messages %}
{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
HEADERS = """{{- bos_token }}
{%- if messages[0].role != 'system' %}
{{- '[[system]]\\nToday is ' + strftime_now('%d %b %Y') + '<|eot|>' }}
{%- endif %}
{%- for m in messages %}{{ '[[' + m.role + ']]\\n' + m.content | trim + '<|eot|>' }}{% endfor %}
{%- if add_generation_prompt %}{{ '[[assistant]]\\n' }}{% endif %}"""
INSTRUCT = """{{- bos_token }}
{%- for m in messages %}
{%- if m.role == 'system' %}{{ '[SYS]' + m.content + '[/SYS]' }}
{%- elif m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}
{%- else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"""
TURNS = """{{- bos_token }}
{%- if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{%- for m in messages %}
{{- '<turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}
{{- m.content | trim + '<end>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<turn>model\\n' }}{% endif %}"""
WORDS = """\
{%- for m in messages %}
{%- if m.role == 'user' %}{{ 'USER: ' + m.content + ' ASSISTANT:' }}
{%- elif m.role == 'assistant' %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"""

# Template, its control tokens, BOS and EOS of each layout; beyond that what its config.json says.
FORMS = {
    "chatml": (CHATML, ["<|im_start|>", "<|im_end|>"], None, "<|im_end|>"),
    "headers": (HEADERS, ["<|begin|>", "<|eot|>"], "<|begin|>", "<|eot|>"),
    "instruct": (INSTRUCT, ["<s>", "</s>"], "<s>", "</s>"),
    "turns": (TURNS, ["<bos>", "<eos>", "<turn>", "<end>"], "<bos>", "<eos>"),
    "words": (WORDS, ["</s>"], None, "</s>"),
}
WINDOW = 16
LAYOUTS = {
    "qwen3": ("chatml", {"tie_word_embeddings": True}),
    "qwen2": (
        "chatml",
        {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1},
    ),
    "llama": ("headers", {"tie_word_embeddings": True}),
    "mistral": ("instruct", {"sliding_window": WINDOW}),
    "gemma": ("turns", {"tie_word_embeddings": True}),
    # Caps that tiny weights reach.
    "gemma2": (
        "turns",
        {"sliding_window": WINDOW, "final_logit_softcapping": 3.0, "attn_logit_softcapping": 2.0},
    ),
    "gemma3_text": (
        "turns",
        {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "phi3": ("headers", {"sliding_window": WINDOW}),
    "gpt_neox": ("words", {}),
    "olmo2": ("chatml", {}),
    "smollm3": ("chatml", {}),
    "granite": ("headers", {"logits_scaling": 4.0, "embedding_multiplier": 3.0}),
}
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 512,
}
# What a published folder may set for `generate`, and our predictions do not know.
PUBLISHED = {"do_sample": True, "temperature": 2.0, "top_k": 20, "repetition_penalty": 1.3}


def write(layout: str, folder: Path, texts: list[str], **config) -> Path:
    """A model of a layout without a pad token, its table longer than its tokeniser."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    form, own = LAYOUTS[layout]
    tokeniser = tokeniser_of(form, texts)
    sizes = SIZES | {"vocab_size": 400} | own | config
    ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
    made = AutoConfig.for_model(layout, **(sizes | ids))
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(made)
    for name, parameter in model.named_parameters():
        # Sharper than as drawn, where all tokens have one probability.
        if parameter.ndim == 2:
            parameter.data.mul_(20 if "embed" in name and "out" not in name else 8)
    model.generation_config = GenerationConfig(eos_token_id=7, **PUBLISHED)
    model.save_pretrained(folder)
    tokeniser.save_pretrained(folder)
    return folder


def tokeniser_of(form: str, texts: list[str], metaspace: bool = False):
    """A tokeniser of a family's form, with 300 learned tokens at most and no pad token: of bytes,
    or with SentencePiece's space before the first word of all."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    template, control, bos, eos = FORMS[form]
    learned = Tokenizer(models.BPE())
    if metaspace:
        kind, habit, letters = "Metaspace", {"prepend_scheme": "first"}, list(string.printable)
    else:
        kind, habit = "ByteLevel", {"add_prefix_space": False}
        letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    learned.pre_tokenizer = getattr(pre_tokenizers, kind)(**habit)
    learned.decoder = getattr(decoders, kind)(**habit)
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=letters, show_progress=False)
    learned.train_from_iterator(texts, trainer)
    tokeniser = PreTrainedTokenizerFast(tokenizer_object=learned, bos_token=bos, eos_token=eos)
    tokeniser.add_tokens(control, special_tokens=True)
    tokeniser.chat_template = template
    return tokeniser


def edit(folder: Path, name: str, **changes) -> None:
    """Change keys of a JSON file of a folder; None takes one out."""
    path = folder / name
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))
