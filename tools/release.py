"""The protos of each release, kept as buf images, so that no later version can break a partner unseen.

python -m tools.release           keep protos/ as protos/released/v<version>.binpb
python -m tools.release --check   compare protos/ with the newest release; exit 1 on a breaking change
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUF = Path(sys.prefix) / "bin" / "buf"


def newest(released: Path) -> Path | None:
    """The image with the highest version, if any; `v0.10.0` is newer than `v0.9.0`."""

    def version(image: Path) -> tuple[int, ...]:
        return tuple(int(part) for part in image.stem.removeprefix("v").split("."))

    return max(released.glob("v*.binpb"), key=version, default=None)


def check(root: Path) -> int:
    """Run `buf breaking`; buf names each break."""
    image = newest(root / "protos" / "released")
    if image is None:
        print("protos/released is empty: run `make release-protos` at a release", file=sys.stderr)
        return 1
    status = subprocess.run([BUF, "breaking", "--against", image], cwd=root, check=False).returncode
    if status == 0:
        print(f"protos/ breaks nothing of {image.stem}")
    return status


def keep(root: Path) -> int:
    """Write the image of this version; an image once committed is never written again."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    image = root / "protos" / "released" / f"v{project['version']}.binpb"
    if image.exists():
        print(f"{image.relative_to(root)} is there already: raise the version first", file=sys.stderr)
        return 1
    image.parent.mkdir(exist_ok=True)
    build = [str(BUF), "build", "--exclude-source-info", "--output", str(image)]
    status = subprocess.run(build, cwd=root, check=False).returncode
    if status == 0:
        print(f"{image.relative_to(root)} written: commit it")
    return status


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    return check(ROOT) if arguments else keep(ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
