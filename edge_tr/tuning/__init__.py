"""Budgets that find themselves: which terms to keep, chosen on unlabelled calibration data."""
