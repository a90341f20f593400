"""SL 651-2014: transmission of hydrological data, as telemetry stations of the water side use it."""

from adapters.gateway.file import FileAdapter
from adapters.sl651.adapter import Sl651Dialect

adapter = FileAdapter(Sl651Dialect())
__all__ = ["Sl651Dialect", "adapter"]
