"""Pictures, video clips and PDFs as rows under `evidence-file`, named by their SHA-256."""

from adapters.evidence.adapter import EvidenceAdapter, adapter

__all__ = ["EvidenceAdapter", "adapter"]
