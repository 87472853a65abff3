"""Import of buildings, units and the people who live there, from Excel."""

from tickets.imports.importer import EstateImporter

__all__ = ["EstateImporter"]
