"""Scores: what each detector makes of one reading or one closed day."""
