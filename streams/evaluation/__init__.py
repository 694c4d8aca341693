"""What the product's own pipeline finds in data whose truth is known: one file per kind of data."""
