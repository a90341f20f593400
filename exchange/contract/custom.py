"""The custom properties by which an ODCS document says what the standard has no field for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from open_data_contract_standard.model import CustomProperty

from exchange.contract.model import Kind, Severity
from exchange.contract.problem import Problems


def custom(
    given: Sequence[CustomProperty] | None, known: frozenset[str], path: str, problems: Problems
) -> dict[str, Any]:
    """Our custom properties by name; unknown ones are refused unless they name another `vendor`."""
    found: dict[str, Any] = {}
    for position, item in enumerate(given or []):
        at = f"{path}.customProperties[{position}]"
        if item.property in found:
            problems.add(at, "custom_property", f"{item.property} comes twice")
        elif item.property in known:
            found[item.property] = item.value
        elif item.vendor is None:
            names = ", ".join(sorted(known))
            problems.add(
                at, "custom_property", f"unknown property {str(item.property)[:60]!r}; known are {names}"
            )
    return found


def severities(given: Any, settable: frozenset[Kind], path: str, problems: Problems) -> dict[Kind, Severity]:
    """A `severity` custom property: rule kind → severity."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        problems.add(path, "severity", "severity maps rule kinds to severities")
        return {}
    found: dict[Kind, Severity] = {}
    for kind, severity in given.items():
        if kind not in settable or severity not in list(Severity):
            problems.add(
                path, "severity", f"{str(kind)[:40]}: {str(severity)[:40]} is no severity of such a rule"
            )
        else:
            found[Kind(kind)] = Severity(severity)
    return found
