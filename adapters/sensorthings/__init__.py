"""OGC SensorThings 1.1: observations of a service in, and the hub's rows out to its clients."""

from adapters.sensorthings.adapter import SensorThingsAdapter, adapter

__all__ = ["SensorThingsAdapter", "adapter"]
