"""What the adapters of telemetry protocols share: stations and what their items are, and rows under the contracts."""
