"""`vigie evaluate`: the product's own pipeline on recordings with known outcomes, one file per recording."""
