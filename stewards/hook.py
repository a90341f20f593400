"""The hub as Airflow reaches it: a connection of type `hechuan`, which names the directory of the steward's agency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseHook

from exchange.client.profile import Profile
from exchange.errors import HechuanError, InvalidInputError
from stewards.options import DEFAULT_CONNECTION

if TYPE_CHECKING:
    from exchange.client import Client

_HOME: Final = "home"
_HUB: Final = "hub"


class HubHook(BaseHook):
    """Opens the client of the steward's agency. Keys stay files on the worker; the connection holds a path."""

    conn_name_attr = "hub_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "hechuan"
    hook_name = "Hechuan hub 合川枢纽"

    def __init__(self, hub_conn_id: str = DEFAULT_CONNECTION) -> None:
        super().__init__()
        self.hub_conn_id = hub_conn_id

    def get_conn(self) -> Client:
        """A connected client, to be closed by the caller; raises InvalidInputError and as `connect` does."""
        from exchange.client import connect

        home, hub = self.place()
        return connect(home, hub)

    def profile(self) -> Profile:
        """The agency as it faces the hub; reads files, calls nobody. Raises as `Profile.load` does."""
        return Profile.load(*self.place())

    def place(self) -> tuple[Path, str | None]:
        """The agency's directory, and the hub's jurisdiction where another than its own is meant."""
        return place_of(self.get_connection(self.hub_conn_id).extra_dejson)

    def test_connection(self) -> tuple[bool, str]:
        """Whom the hub takes the agency for: Airflow's button `Test`."""
        from exchange.client.steward import whoami

        try:
            with self.get_conn() as client:
                agency, until = whoami(client)
                hub = client.profile.card.jurisdiction
        except (HechuanError, OSError) as error:
            return False, str(error)
        return True, f"枢纽 {hub} 识别为 / hub {hub} takes the caller for {agency}, until {until:%Y-%m-%d}"


def place_of(extra: dict[str, Any]) -> tuple[Path, str | None]:
    """What a connection's extra says; raises InvalidInputError where it names no directory."""
    home, hub = extra.get(_HOME), extra.get(_HUB)
    if not isinstance(home, str) or not home:
        raise InvalidInputError("连接未填机构目录 / the connection names no agency directory (home)")
    return Path(home), hub or None
