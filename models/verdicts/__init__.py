"""How likely an alert is to be actionable, learned from nurses' verdicts on earlier ones."""
