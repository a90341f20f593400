"""SZY 206: transmission of water-resources monitoring data."""

from adapters.gateway.file import FileAdapter
from adapters.szy206.adapter import Szy206Dialect

adapter = FileAdapter(Szy206Dialect())
__all__ = ["Szy206Dialect", "adapter"]
