"""What a report was made with: the packages of its environment."""

from importlib import metadata

from seqfuse import __version__

_NAMED = ("torch", "transformers", "snakemake", "numpy", "pyarrow", "scipy")


def packages() -> dict[str, str]:
    """{name: version} of this package and of those below it that are installed here."""
    found = {"seqfuse": __version__}
    for name in _NAMED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            # An environment of its own for each stage holds what that stage needs.
            continue
    return found
