"""The lines of a text file, plain, gzipped or bgzipped."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from seqfuse.bio.reading import file_kinds
from seqfuse.errors import UserError


def lines(path: Path, form: str) -> Iterator[str]:
    """The lines of a file, with their line ends; raises `UserError` if it is not text of `form`."""
    opened = gzip.open if file_kinds.is_gzipped(path) else open
    number = 0
    try:
        with opened(path, "rb") as handle:
            advice = file_kinds.strange_text(handle.read(file_kinds.HEAD), form)
            if advice:
                raise UserError(f"{path}: this is {advice}")
            handle.seek(0)
            for number, line in enumerate(handle, start=1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise UserError(
            f"{path}: line {number} is not UTF-8; convert it: iconv -f LATIN1 -t UTF-8"
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path}: cut or broken gzip after line {number} ({error}); fetch it again"
        ) from None
