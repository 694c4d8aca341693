"""One file per command of `vigie`."""
