"""The synthetic corpus: one module per skill, `mixture` puts them together."""
