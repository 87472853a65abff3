from staff.models.change import StaffChange
from staff.models.duty import Absence, DutySlot, Weekday
from staff.models.employee import Employee
from staff.models.organisation import Department, Project
from staff.models.regulation import Clause, RegulationVersion
from staff.models.role import Role, RoleGrant

__all__ = [
    "Absence", "Clause", "Department", "DutySlot", "Employee", "Project", "RegulationVersion", "Role", "RoleGrant",
    "StaffChange", "Weekday",
]  # fmt: skip
