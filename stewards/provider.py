"""What this package is to Airflow: found through the entry point `apache_airflow_provider`.

The page has an entry point of its own, `airflow.plugins`: of providers that are loaded lazily Airflow takes no plugins.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Connection type with its form, trigger and assets, as Airflow reads them."""
    return {
        "package-name": "hechuan",
        "name": "Hechuan 合川",
        "description": "Hook, trigger, operators and page for the data exchange hub.",
        "versions": [version("hechuan")],
        "integrations": [{"integration-name": "Hechuan", "external-doc-url": "", "tags": ["protocol"]}],
        "connection-types": [_connection()],
        "hooks": [{"integration-name": "Hechuan", "python-modules": ["stewards.hook"]}],
        "triggers": [{"integration-name": "Hechuan", "python-modules": ["stewards.trigger"]}],
        "asset-uris": [{"schemes": ["hechuan"], "handler": "stewards.asset.sanitize_uri"}],
        "dataset-uris": [],
    }


def _connection() -> dict[str, Any]:
    return {
        "connection-type": "hechuan",
        "hook-class-name": "stewards.hook.HubHook",
        "hook-name": "Hechuan hub 合川枢纽",
        "conn-fields": {
            "home": {
                "label": "Agency directory 机构目录",
                "description": "What `hechuan agency enroll --home` left on every worker: certificate and keys.",
                "schema": {"type": "string", "minLength": 1},
            },
            "hub": {
                "label": "Hub 枢纽",
                "description": "Jurisdiction of another hub that the agency has joined; its own where empty.",
                "schema": {"type": ["string", "null"], "pattern": "^([0-9]{6})?$"},
            },
        },
        "ui-field-behaviour": {
            "hidden-fields": ["host", "port", "login", "password", "schema", "extra"],
            "relabeling": {},
            "placeholders": {"home": "/srv/hechuan/joint-office"},
        },
    }
