"""The database that is not there."""
