"""CSV, XLSX and XLS files under a mapping."""

from adapters.tabular.adapter import TabularAdapter, adapter

__all__ = ["TabularAdapter", "adapter"]
