"""Catalogue, care plans and deployment files, as data."""
