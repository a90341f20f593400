"""Datasets as Airflow's assets: named after them, watched on the hub's feed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult

from airflow.sdk import Asset, AssetWatcher

from exchange.ids import DatasetId
from stewards.options import Feed
from stewards.settings import load_settings
from stewards.trigger import LandedTrigger

if TYPE_CHECKING:
    from airflow.sdk.definitions.asset import BaseAsset

SCHEME: Final = "hechuan"
UNWATCHED: Final = "hechuan-unwatched"
"""Name of an asset that nothing ever updates: what a DAG waits for where no feed is set."""


def asset_of(feed: Feed) -> Asset:
    """The asset of one feed; it is updated when a batch has landed."""
    trigger = LandedTrigger(hub_conn_id=feed.connection, dataset=feed.dataset)
    watcher = AssetWatcher(name=f"landed-{feed.dataset.replace('/', '-')}", trigger=trigger)
    return Asset(name=feed.dataset, uri=f"{SCHEME}://{feed.dataset}", watchers=[watcher])


def landed(feeds: Sequence[Feed] | None = None) -> BaseAsset:
    """Any of the watched datasets: a DAG's schedule."""
    watched = load_settings().feeds if feeds is None else feeds
    if not watched:
        return Asset(name=UNWATCHED, uri=f"{SCHEME}://unwatched")
    first, *others = map(asset_of, watched)
    found: BaseAsset = first
    for other in others:
        found = found | other
    return found


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Airflow's normalisation of `hechuan://<jurisdiction>/<agency>/<contract>`; raises ValueError for another form."""
    if uri.path.strip("/"):
        DatasetId.parse(f"{uri.netloc}{uri.path}")
    return uri
