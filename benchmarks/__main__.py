"""`python -m benchmarks [--only publish,query]`: measure, print the table, write build/bench.json."""

from __future__ import annotations

import argparse
import pkgutil
import tempfile
from importlib import import_module
from pathlib import Path

from rich.console import Console

import benchmarks
from benchmarks.figure import Figure, chosen, save, show

TARGET = Path("build/bench.json")


def main() -> int:
    """Exit 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--only", default="", help="prefixes of figure ids, comma-separated")
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name != "__main__":
            import_module(f"benchmarks.{module.name}")
    only = [text for text in parser.parse_args().only.split(",") if text]
    console = Console(stderr=True)
    found: list[Figure] = []
    for function in chosen(only):
        console.print(f"measuring {function.__module__}.{function.__name__} …", style="dim")
        Path("build").mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir="build", prefix="bench-") as scratch:
            found += function(Path(scratch).resolve())
    if not found:
        parser.error(f"no figure begins with {only}")
    show(found)
    save(found, TARGET)
    return 0 if all(figure.met for figure in found) else 1


raise SystemExit(main())
