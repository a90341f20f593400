"""LibreOffice without a screen, with the one font that the extra brings, and every formula worked out anew."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from exchange.river.letter import font_file

# 0: whatever a workbook says of its formulas, they are computed when it is opened
_SETTINGS: Final = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
_FONTS: Final = '<?xml version="1.0"?><fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>'


class LibreOffice:
    """One profile of its own."""

    def __init__(self, directory: Path) -> None:
        found = shutil.which("soffice")
        if found is None:
            pytest.skip("LibreOffice (soffice) is not here")
        self._command, self._directory = found, directory
        (directory / "profile" / "user").mkdir(parents=True)
        (directory / "profile" / "user" / "registrymodifications.xcu").write_text(_SETTINGS, encoding="utf-8")
        fonts = _FONTS.format(fonts=font_file().parent, cache=directory / "cache")
        (directory / "fonts.conf").write_text(fonts, encoding="utf-8")

    def converted(self, data: bytes, name: str, to: str) -> bytes:
        """What it saves of a file, in another form."""
        given, saved = self._directory / name, self._directory / "saved"
        given.write_bytes(data)
        subprocess.run(
            [
                self._command,
                "--headless",
                f"-env:UserInstallation={(self._directory / 'profile').as_uri()}",
                *("--convert-to", to, "--outdir", str(saved), str(given)),
            ],
            check=True,
            capture_output=True,
            timeout=120,
            env={**os.environ, "FONTCONFIG_FILE": str(self._directory / "fonts.conf")},
        )
        return (saved / given.name).with_suffix(f".{to}").read_bytes()
