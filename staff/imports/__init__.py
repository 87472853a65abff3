"""Import of employees from Excel."""

from staff.imports.importer import EmployeeImporter, viewer_of

__all__ = ["EmployeeImporter", "viewer_of"]
