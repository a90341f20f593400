"""Composition root: which driver stands behind which port, for one hub in one directory."""

from exchange.app.build import Application, SystemClock, build, initialise
from exchange.app.serve import serve

__all__ = ["Application", "SystemClock", "build", "initialise", "serve"]
