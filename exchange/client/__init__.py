"""What a partner imports: connect, publish, query, watch, verify."""

from exchange.client.connection import Client, connect
from exchange.client.many import Outgoing
from exchange.client.publish import Published
from exchange.client.query import Filter, Rows
from exchange.client.verify import Verified, verify_receipt_file

__all__ = ["Client", "Filter", "Outgoing", "Published", "Rows", "Verified", "connect", "verify_receipt_file"]
