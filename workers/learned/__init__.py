"""Learned models: encoders per input, fusion, context over time and heads, described by a plan."""
