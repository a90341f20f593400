"""`hechuan gateway …`: servers that stations connect to. Found through entry points of group `hechuan.gateways`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Listen = Annotated[str, typer.Option(help="<host>:<port>; port 0 lets the system choose.")]
Home = Annotated[Path, typer.Option("--home", envvar="HECHUAN_HOME", help="What `agency enroll` made.")]
Map = Annotated[
    Path, typer.Option("--mapping", "-m", exists=True, dir_okay=False, help="Stations and their items.")
]
Spooled = Annotated[Path, typer.Option("--spool", help="Directory that keeps what is acknowledged.")]
Set = Annotated[
    Path | None, typer.Option("--settings", help="TOML with [gateway]; every name and its default: docs.")
]


def hj212(listen: Listen, home: Home, mapping: Map, spool: Spooled, settings: Set = None) -> None:
    """Take reports of HJ 212 stations and publish them as `water-quality`. HJ 212 接收网关。"""
    from adapters.hj212.adapter import Hj212Dialect

    _serve(Hj212Dialect(), listen, home, mapping, spool, settings)


def sl651(listen: Listen, home: Home, mapping: Map, spool: Spooled, settings: Set = None) -> None:
    """Take reports of SL 651 stations and publish them as `hydrology` and `water-quality`. SL 651 接收网关。"""
    from adapters.sl651.adapter import Sl651Dialect

    _serve(Sl651Dialect(), listen, home, mapping, spool, settings)


def _serve(
    dialect: object, listen: str, home: Path, mapping: Path, spool: Path, settings: Path | None
) -> None:
    from typing import cast

    from adapters.gateway.dialect import Dialect
    from adapters.gateway.run import serve
    from adapters.gateway.settings import load_settings
    from adapters.telemetry.station import load_stations

    known = cast(Dialect, dialect)
    serve(known, load_stations(mapping, known.name), listen, home, spool, load_settings(settings))
