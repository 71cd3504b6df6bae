"""Where the files that are not Python live: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path


def resource(name: str) -> Path:
    """The path of `checklist.yaml`, `templates` or a file of theirs. Raises FileNotFoundError."""
    package = Path(__file__).resolve().parent
    places = [package]
    if (package.parent / "pyproject.toml").is_file():
        places.append(package.parent)
    for place in places:
        if (place / name).exists():
            return place / name
    raise FileNotFoundError(f"celerycheck was installed without {name}")
