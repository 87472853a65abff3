"""Endpoints, by noun."""
