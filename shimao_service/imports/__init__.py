"""Imports from Excel: a file is checked, its report is looked at, and only then anything is written."""
