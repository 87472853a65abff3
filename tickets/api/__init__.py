"""Requests over HTTP: the same verbs, the same eyes, the same refusals as the pages."""
