"""Files: atomic writes, checksums, tables, views, embeddings, checkpoints, provenance."""
