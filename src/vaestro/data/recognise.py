"""Which source reads a file or a folder, judged by what it is."""

from pathlib import Path

from vaestro.data.source import SOURCES, Source
from vaestro.foundation.errors import DataError

MOST_NAMED = 3


def guess_source(path: Path) -> Source:
    """The source that reads `path`. Raises DataError when nothing here does."""
    if not path.exists():
        raise DataError(
            f"{path} is neither a known data set nor a file; legal: {_embedded()}, a recipe, or a "
            "file or folder of yours"
        )
    for entry in SOURCES:
        if entry.reads is not None and entry.reads(path):
            return entry.config.parse({"kind": entry.name, "path": str(path)})  # type: ignore[return-value]
    legal = "; ".join(entry.files for entry in SOURCES if entry.files)
    raise DataError(f"{path} {_held(path)}; legal: {legal}")


def _embedded() -> str:
    return ", ".join(entry.name for entry in SOURCES if entry.reads is None)


def _held(path: Path) -> str:
    """What is wrong with it, in a few words."""
    if not path.is_dir():
        return f"ends in {path.suffix or 'nothing'} and is no file that is read"
    names = sorted(p.name for p in path.iterdir())
    if not names:
        return "is an empty folder"
    more = ", ..." if len(names) > MOST_NAMED else ""
    return f"is a folder of {', '.join(names[:MOST_NAMED])}{more} and holds nothing that is read"
