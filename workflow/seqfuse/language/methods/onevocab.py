"""OneVocab (arXiv 2602.12286): text and DNA k-mers in one vocabulary, one embedding matrix.

In training, the table consists of two parameters, the backbone's rows and the new rows, so that
frozen rows are not a parameter of the optimiser: no gradient, weight decay or moment reaches them.
A saved model has one table (tied if the backbone's is) and one tokeniser, and transformers loads it
without this package; there DNA is written `<dna><|ACGTAC|><|A|></dna>` (see `written`).
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse.errors import UserError
from seqfuse.language.methods.kmers import LETTERS, KmerVocabulary
from seqfuse.language.methods.method import LanguageMethod, Setup
from seqfuse.settings.sections import Section

PARTS = ("dna", "text", "backbone")
# The tokens that fill the ids between the backbone's last token and its table's last row.
_UNUSED = re.compile(r"<\|unused-\d+\|>")
# The model card's section on DNA in text.
_WRITTEN = """
DNA is written in upper case between `<dna>` and `</dna>`: every {k} nucleotides, from the first
one on, as a token `<|...|>`; the remainder, and windows that are not a {k}-mer of {alphabet},
letter by letter: `{example}` is
`{form}`.
Text outside is tokenised as by the backbone; the ids of DNA start at {offset}, after the last row
of the backbone's embedding table.
"""


class Settings(Section, path="language/onevocab"):
    """The vocabulary, and which parts are trained."""


class OneVocab(LanguageMethod):
    """V = V_text + V_dna: the backbone's table gets one more row per k-mer.

    New ids start after the table's last row, since a table may have more rows than its tokeniser
    has tokens, as Qwen3's does. `trainable_parts` names the parts that are trained: the DNA rows,
    the text rows, the backbone (the paper's Table 2). With LoRA, the text rows and the backbone's
    weights stay frozen.
    """

    def __init__(self, setup: Setup):
        super().__init__(setup)
        settings = {**setup.settings}
        # Only a saved model has an offset in its settings; its table is already merged.
        self.merged = "offset" in settings
        offset = settings.pop("offset", self.backbone.get_input_embeddings().num_embeddings)
        self.settings = Settings.saved(settings)
        self.vocabulary = KmerVocabulary(self.settings.k, self.settings.alphabet, offset)
        if self.merged:
            self._check_rows()
            return
        for table in ("input", "output"):
            weight = getattr(self.backbone, f"get_{table}_embeddings")().weight
            rows = new_rows(self, weight.detach())
            self.register_parameter(f"dna_{table}", nn.Parameter(rows))
        if self._tied:
            self.dna_output = self.dna_input
        self._freeze(with_lora=bool(setup.lora_rank))

    def segment(self, sequence: str) -> np.ndarray:
        """`<dna>`, the k-mers, `</dna>`."""
        vocabulary = self.vocabulary
        ids = vocabulary.encode(sequence)
        return np.concatenate([[vocabulary.start], ids, [vocabulary.stop]])

    def token_embeddings(self, ids: Tensor) -> Tensor:
        """Rows of the joint table for ids [...] -> [..., width]."""
        if self.merged:
            return super().token_embeddings(ids)
        offset = self.vocabulary.offset
        text = super().token_embeddings(ids.clamp(max=offset - 1))
        dna = F.embedding((ids - offset).clamp(min=0), self.dna_input) * self.scale
        return torch.where((ids >= offset)[..., None], dna, text)

    def text_ids(self) -> list[int]:
        """The backbone's own text tokens: answers never contain DNA tokens."""
        known = self.tokeniser.get_vocab()
        own = {i for name, i in known.items() if not _UNUSED.fullmatch(name)}
        return sorted(i for i in own if i < self.vocabulary.offset)

    def output_tables(self) -> list[Tensor]:
        """Rows of text tokens, then of DNA tokens: one softmax over both."""
        return super().output_tables() + ([] if self.merged else [self.dna_output])

    def own_state(self) -> dict[str, Tensor]:
        """Nothing: a saved OneVocab is a plain language model."""
        return {}

    def saved_settings(self) -> dict:
        """The settings, and the id of the first DNA row in the merged table."""
        return {**super().saved_settings(), "offset": self.vocabulary.offset}

    def save_backbone(self, folder: Path) -> None:
        """Write the backbone with the merged table and the extended tokeniser."""
        self._merge()
        super().save_backbone(folder)
        extend_tokeniser(folder / "tokenizer.json", self.vocabulary)

    def dna_as_text(self, sequence: str) -> str:
        """DNA as the exported tokeniser reads it."""
        return written(self.vocabulary, sequence)

    def dna_form(self, example: str) -> str:
        """How DNA is written between `<dna>` and `</dna>`, and where its ids begin."""
        facts = {name: getattr(self.vocabulary, name) for name in ("k", "alphabet", "offset")}
        return _WRITTEN.format(example=example, form=written(self.vocabulary, example), **facts)

    @property
    def _tied(self) -> bool:
        tables = self.backbone.get_input_embeddings(), self.backbone.get_output_embeddings()
        return tables[0].weight is tables[1].weight

    def _check_rows(self) -> None:
        rows, vocabulary = self.backbone.get_input_embeddings().num_embeddings, self.vocabulary
        expected = vocabulary.offset + vocabulary.size
        if rows != expected:
            raise UserError(
                f"{self.setup.backbone}: its table has {rows} rows, but k = {vocabulary.k} over"
                f" {vocabulary.alphabet} needs {expected}; use the k it was trained with"
            )

    def _freeze(self, with_lora: bool) -> None:
        unknown = sorted(set(self.settings.trainable_parts) - set(PARTS))
        if unknown or not self.settings.trainable_parts:
            raise UserError(
                f"--trainable-parts {' '.join(unknown)}: name one or more of {', '.join(PARTS)}"
            )
        train_dna, train_text, train_backbone = (p in self.settings.trainable_parts for p in PARTS)
        self.dna_input.requires_grad_(train_dna)
        self.dna_output.requires_grad_(train_dna)
        if with_lora:
            return
        self.backbone.requires_grad_(train_backbone)
        for table in (self.backbone.get_input_embeddings(), self.backbone.get_output_embeddings()):
            table.requires_grad_(train_text)

    def _merge(self) -> None:
        tied, offset = self._tied, self.vocabulary.offset
        rows = self.dna_input.detach(), self.dna_output.detach()
        self.backbone.resize_token_embeddings(offset + self.vocabulary.size, mean_resizing=False)
        with torch.no_grad():
            self.backbone.get_input_embeddings().weight[offset:] = rows[0]
            self.backbone.get_output_embeddings().weight[offset:] = rows[1]
        if tied != self._tied:
            raise RuntimeError("resizing the vocabulary untied the embeddings")
        del self.dna_input, self.dna_output
        self.merged = True


def new_rows(method: OneVocab, table: Tensor) -> Tensor:
    """Initial DNA rows [size, width] for a table [V, width], by the rule in the settings.

    mean: the mean of the text rows; unless these rows are trained, DNA cannot matter. random:
    normal, with the mean and standard deviation of the text rows in every column. compositional
    (ours): the sum over positions i of s_i * e(letter i), where e is the text row of the letter's
    own token and s_i a random sign vector for each position, scaled to the mean norm of the text
    rows; single letters are k-mers of length one.
    """
    vocabulary, rule = method.vocabulary, method.settings.initialisation
    mean = table.mean(0)
    if rule == "mean":
        return mean.repeat(vocabulary.size, 1)
    rows = torch.randn(vocabulary.size, method.width) * table.std(0) + mean
    if rule == "random":
        return rows
    letters = torch.stack([table[method.tokens(letter)].mean(0) for letter in LETTERS])
    signs = torch.randint(0, 2, (vocabulary.k, method.width)) * 2.0 - 1
    norm = table.norm(dim=1).mean()
    for row, word in enumerate(vocabulary.words[:-2]):
        indices = [LETTERS.index(letter) for letter in word]
        total = (letters[indices] * signs[: len(word)]).sum(0)
        rows[row] = total * norm / total.norm()
    return rows


def written(vocabulary: KmerVocabulary, sequence: str) -> str:
    """DNA as the exported tokeniser reads it: `<dna>`, each k-mer as `<|ACGTAC|>`, `</dna>`."""
    words = (vocabulary.words[i - vocabulary.offset] for i in vocabulary.encode(sequence))
    return "<dna>" + "".join(f"<|{word}|>" for word in words) + "</dna>"


def extend_tokeniser(path: Path, vocabulary: KmerVocabulary) -> None:
    """Add the DNA tokens to a tokenizer.json, at their ids.

    The ids between the tokeniser's last token and the table's last row are filled with tokens
    `<|unused-N|>`, because a tokeniser numbers added tokens without gaps.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    # Drop tokens past the table's last row, which have no vector and occur in no text.
    added = [token for token in content["added_tokens"] if token["id"] < vocabulary.offset]
    content["added_tokens"] = added
    known = [*content["model"]["vocab"].values(), *(token["id"] for token in added)]
    words = [f"<|{word}|>" for word in vocabulary.words[:-2]] + vocabulary.words[-2:]
    names = [f"<|unused-{i}|>" for i in range(max(known) + 1, vocabulary.offset)] + words
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    for number, name in enumerate(names, start=max(known) + 1):
        added.append({"id": number, "content": name, **plain})
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
