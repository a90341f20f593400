"""HJ 212: data transmission of on-line monitoring of pollutants, as surface-water stations of the environment side use it."""
