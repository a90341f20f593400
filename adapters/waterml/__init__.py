"""OGC WaterML 2.0, part 1: time series."""

from adapters.waterml.adapter import WaterMlAdapter, adapter

__all__ = ["WaterMlAdapter", "adapter"]
