from staff.models.change import StaffChange
from staff.models.employee import Employee
from staff.models.organisation import Department, Project
from staff.models.regulation import Clause, RegulationVersion
from staff.models.role import Role, RoleGrant

__all__ = [
    "Clause", "Department", "Employee", "Project", "RegulationVersion", "Role", "RoleGrant", "StaffChange",
]  # fmt: skip
