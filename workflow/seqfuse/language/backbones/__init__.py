"""The language model of a method: its folder, chat template, masks and vocabulary projection."""
