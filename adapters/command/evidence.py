"""`hechuan attach` and `hechuan attachment`: evidence into the hub, and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path, typer.Option("--home", envvar="HECHUAN_HOME", help="What `agency enroll` made.")]
Hub = Annotated[str | None, typer.Option("--hub", help="Jurisdiction of another hub that was joined.")]


def attach(
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="JPEG PNG WebP TIFF MP4 WebM PDF")
    ],
    home: Home,
    hub: Hub = None,
) -> None:
    """Publish pictures, video clips and PDFs, sealed; prints the digests that rows then name. 附证据。"""
    from adapters.evidence.keep import attach as attach_file
    from exchange.client import connect

    with connect(home, hub) as client:
        for path in files:
            typer.echo(f"{attach_file(client, path)}  {path.name}")


def attachment(
    dataset: Annotated[str, typer.Argument(help="As 500000/water/evidence-file.")],
    digest: Annotated[str, typer.Argument(help="sha256:…")],
    home: Home,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    hub: Hub = None,
) -> None:
    """Write the file of a digest, checked. 取回证据。"""
    from adapters.evidence.keep import fetch
    from exchange.client import connect

    with connect(home, hub) as client:
        typer.echo(f"✓ {fetch(client, dataset, digest, output)}  {output}")
