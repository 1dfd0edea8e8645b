"""The hash-chained audit log, the same in both servers."""
