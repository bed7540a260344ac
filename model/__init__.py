"""The model: configuration, transformer, counting, sharding. Knows no data and no optimiser."""
