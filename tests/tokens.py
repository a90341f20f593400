"""A SoftHSM token for the tests that need one: a driver as any other, its keys in files of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DRIVERS = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
LABEL = "hechuan 合川"
PIN = "4711"


@dataclass(frozen=True, slots=True)
class SoftToken:
    """A token of this test session, and a file with its PIN."""

    driver: Path
    pin: Path

    def uri(self, label: str, *, token: str = LABEL, source: str = "") -> str:
        """Of the key with that label."""
        quoted = token.replace(" ", "%20").replace("合川", "%E5%90%88%E5%B7%9D")
        query = f"module-path={self.driver}&pin-source={source or f'file:{self.pin}'}"
        return f"pkcs11:token={quoted};object={label};type=private?{query}"

    @contextmanager
    def session(self) -> Iterator[Any]:
        """The driver's own session, for looking behind what the project shows. Its end logs everybody out."""
        import pkcs11

        found = pkcs11.lib(str(self.driver)).get_token(token_label=LABEL)
        try:
            opened = found.open(rw=True, user_pin=PIN)
        except pkcs11.UserAlreadyLoggedIn:
            opened = found.open(rw=True)
        with opened:
            yield opened


_made: list[SoftToken] = []


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    """One token for all tests of a process, whoever imports this: a driver reads its settings once."""
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed: pip install 'hechuan[pkcs11]'")
    tool, driver = shutil.which("softhsm2-util"), next(filter(os.path.exists, DRIVERS), None)
    if tool is None or driver is None:
        pytest.skip("SoftHSM is not installed (Debian: softhsm2): no token to keep keys in")
    if not _made:
        root = tmp_path_factory.mktemp("softhsm")
        (root / "tokens").mkdir()
        settings, pin = root / "softhsm2.conf", root / "pin"
        settings.write_text(f"directories.tokendir = {root}/tokens\nlog.level = ERROR\n")
        pin.write_text(f"{PIN}\n")
        pin.chmod(0o600)
        os.environ["SOFTHSM2_CONF"] = str(settings)
        command = [tool, "--init-token", "--free", "--label", LABEL, "--so-pin", "12345678", "--pin", PIN]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        _made.append(SoftToken(Path(driver), pin))
    return _made[0]
