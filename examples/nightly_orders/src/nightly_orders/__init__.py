"""Totals of a month's orders, by customer and currency."""
