"""GeoJSON, Shapefile and GeoPackage: reaches, sections, parcels."""

from adapters.geo.adapter import GeoAdapter, adapter

__all__ = ["GeoAdapter", "adapter"]
