"""The stewards' page as a plugin of Airflow: routes, and an entry in its navigation."""

from __future__ import annotations

from typing import Any, Final

from airflow.plugins_manager import AirflowPlugin

PREFIX: Final = "/stewards"


async def page(scope: Any, receive: Any, send: Any) -> None:
    """The page's application, loaded when it is first asked for: every worker loads plugins, none serves pages."""
    from stewards.page.app import app

    await app(scope, receive, send)


_APPS: Final = [{"app": page, "url_prefix": PREFIX, "name": "Hechuan stewards"}]
_VIEWS: Final = [
    {
        # one word: the navigation has room for five characters
        "name": "数据管家",
        "href": f"{PREFIX}/",
        "url_route": "stewards",
        "destination": "nav",
        "nav_top_level": True,
    }
]


class StewardsPlugin(AirflowPlugin):
    """Mounted by the API server; the view opens inside Airflow's own frame."""

    name = "hechuan"
    fastapi_apps: list[Any] = _APPS
    external_views: list[Any] = _VIEWS
