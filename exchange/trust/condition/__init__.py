"""CEL conditions over rows and readers."""

from exchange.trust.condition.filter import RowFilter, compile_condition

__all__ = ["RowFilter", "compile_condition"]
