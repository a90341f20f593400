"""The federation's roster under TUF (The Update Framework, specification 1.0.31): kept, signed, read.

federation/ in a hub's directory:
root.json           the root metadata that was pinned at join
metadata/ targets/  what the reading side has verified; the form is tuf.ngclient's
mirror/             the same files under their published names, for other hubs
roster.json         the last verified roster, with version and expiry
publish/            the repository itself, at the hubs that keep it
keys/               this jurisdiction's root, targets and online keys
"""

from exchange.store.tuf.client import Fetch, RosterClient, fetch_from
from exchange.store.tuf.holder import Holder, HolderKeys
from exchange.store.tuf.layout import FederationDirectory, LastRoster, check_path
from exchange.store.tuf.proposal import Proposal
from exchange.store.tuf.repository import Repository
from exchange.store.tuf.root import Thresholds

__all__ = [
    "FederationDirectory",
    "Fetch",
    "Holder",
    "HolderKeys",
    "LastRoster",
    "Proposal",
    "Repository",
    "RosterClient",
    "Thresholds",
    "check_path",
    "fetch_from",
]
