"""Letters of pictures: one font with Chinese and Latin that comes with the extra, the same on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exchange.errors import NotFoundError
from exchange.river.extra import load


def font_file() -> Path:
    """The extra's font: Noto Sans CJK, all weights in one file."""
    return Path(load("manimgx_fonts_cjk").__file__).parent / "NotoSansCJK-VF.otf.ttc"


def family_of(font: Path | None) -> tuple[str, int]:
    """Register the font and give its family, the simplified Chinese one if it holds several, and its weight."""
    manager: Any = load("matplotlib.font_manager").fontManager
    path = font or font_file()
    if not path.is_file():
        raise NotFoundError(f"没有字体文件 {path} / there is no font file {path}")
    if not any(Path(entry.fname) == path for entry in manager.ttflist):
        manager.addfont(str(path))
    held = [entry for entry in manager.ttflist if Path(entry.fname) == path]
    chosen = min(held, key=lambda entry: "SC" not in entry.name.split())
    return str(chosen.name), int(chosen.weight)


def thickened(figure: Any) -> None:
    """A variable font comes in its thinnest weight: letters get an outline of their own colour."""
    effects = load("matplotlib.patheffects")
    for text in figure.findobj(load("matplotlib.text").Text):
        text.set_path_effects([effects.withStroke(linewidth=0.55, foreground=text.get_color())])
