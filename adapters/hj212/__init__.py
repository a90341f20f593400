"""HJ 212: data transmission of on-line monitoring, as surface-water stations of the environment side use it."""

from adapters.gateway.file import FileAdapter
from adapters.hj212.adapter import Hj212Dialect

adapter = FileAdapter(Hj212Dialect())
__all__ = ["Hj212Dialect", "adapter"]
