"""Source files."""


def obtain(name, entry, mirrors, folder):
    raise NotImplementedError
