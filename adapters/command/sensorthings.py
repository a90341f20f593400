"""`hechuan gateway sensorthings`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    values: Annotated[str, typer.Argument(help="Dataset of values, as 500000/ecology/water-quality.")],
    sections: Annotated[str, typer.Argument(help="Dataset of places, as 500000/ecology/monitoring-section.")],
    home: Annotated[Path, typer.Option("--home", envvar="HECHUAN_HOME", help="What `agency enroll` made.")],
    listen: Annotated[str, typer.Option(help="Address and port; 0 lets the system choose.")] = "127.0.0.1:0",
    hub: Annotated[str | None, typer.Option(help="Jurisdiction of another hub that was joined.")] = None,
) -> None:
    """Let GIS clients read two datasets as OGC SensorThings 1.1, read-only. 以 SensorThings 只读提供。

    Everybody who reaches the address reads with this agency's rights: listen where only they do.
    """
    from adapters.sensorthings.server import Service
    from exchange.client import connect
    from exchange.errors import InvalidInputError

    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise InvalidInputError(f"--listen {listen!r} is not like 127.0.0.1:8080")
    with connect(home, hub) as client, Service((host, int(port)), client, values, sections) as service:
        typer.echo(service.root)
        try:
            service.serve_forever()
        except KeyboardInterrupt:
            return
