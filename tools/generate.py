"""Python code from protos/: written into exchange/v1, or compared with what is committed there.

python -m tools.generate           write
python -m tools.generate --check   name every file that differs; exit 1 if any does
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("exchange/v1")
INIT = '"""Messages and stubs of the public API, generated from protos/; never edited."""\n'


class GenerationError(Exception):
    """protoc refused the protos; what it said is on stderr."""


def generate(protos: Path, out: Path) -> None:
    """Write messages, stubs and their types for every proto under `protos` below `out`."""
    sources = sorted(str(path) for path in protos.glob(f"{PACKAGE}/*.proto"))
    if not sources:
        raise GenerationError(f"no proto below {protos / PACKAGE}")
    scripts = Path(sys.prefix) / "bin"
    # In a process of its own: the compiler's protobuf and the one in OR-Tools cannot be in one.
    status = subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            f"--proto_path={protos}",
            f"--proto_path={resources.files('grpc_tools') / '_proto'}",
            *(f"--plugin={name}={scripts / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")),
            f"--python_out={out}",
            f"--mypy_out=quiet:{out}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet:{out}",
            *sources,
        ],
        check=False,
    ).returncode
    if status != 0:
        raise GenerationError(f"protoc exited {status}")
    (out / PACKAGE / "__init__.py").write_text(INIT, encoding="utf-8")


def drift(fresh: Path, committed: Path) -> list[str]:
    """Names of generated files that are missing, left over or different; sorted."""

    def contents(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.glob("*.py*") if path.is_file()}

    want, have = contents(fresh), contents(committed)
    return sorted(name for name in want.keys() | have.keys() if want.get(name) != have.get(name))


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    if not arguments:
        for stale in (ROOT / PACKAGE).glob("*_pb2*.py*"):
            stale.unlink()
        generate(ROOT / "protos", ROOT)
        print(f"{PACKAGE}: {len(list((ROOT / PACKAGE).glob('*.py*')))} files written from protos/")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        generate(ROOT / "protos", Path(scratch))
        differing = drift(Path(scratch) / PACKAGE, ROOT / PACKAGE)
    for name in differing:
        print(f"{PACKAGE / name} is not what protos/ gives: run `make protos` and commit", file=sys.stderr)
    if not differing:
        print(f"{PACKAGE} is what protos/ gives")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
