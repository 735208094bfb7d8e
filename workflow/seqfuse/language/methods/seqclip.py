"""SeqCLIP: the linear adapter, initialised by contrastive pre-training."""

from safetensors import safe_open

from seqfuse.errors import UserError
from seqfuse.language.backbones.loading import load_exactly
from seqfuse.language.methods.linear import Linear
from seqfuse.language.methods.method import Setup


class SeqClip(Linear):
    """`Linear` on states of the pre-trained encoder, initialised with the pre-trained adapter."""

    def __init__(self, setup: Setup):
        super().__init__(setup)
        # The checkpoint of a fine-tuned model has its own adapter.
        if setup.pretrained is None:
            return
        path = setup.pretrained / "adapter.safetensors"
        if not path.is_file():
            raise UserError(
                f"{path}: no such file; --pretrained is the --out of `seqfuse language pretrain`"
            )
        with safe_open(path, "pt") as file:
            width = file.get_slice("weight").get_shape()[0]
        if width != self.width:
            raise UserError(
                f"{path}: made for a language model of width {width}, but this one has width"
                f" {self.width}; pre-train with this one as --backbone"
            )
        load_exactly(self.adapter, path, self.adapter.state_dict().keys())
