"""Margin of a portfolio under the rules of a venue: portfolios, presets, the calculator."""
