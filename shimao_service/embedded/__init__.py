"""A real Postgres and a real Redis-compatible broker with no set-up, and what runs the demo on them.

``DATABASE_URL`` and ``REDIS_URL`` replace them. Nothing of the application imports this package but
``settings`` (through ``state``), which asks where the running database is.

- ``state``: where things lie, the lock of one start at a time, the file that tells what runs
- ``processes``: starting children that do not outlive us, ending what a crash left
- ``postgres``, ``valkey``: one server each
- ``services``: both, for one purpose (run, test, bench)
- ``supervisor``: ``make run``
- ``install``: the virtual environment and the locked dependencies; runs before anything is installed
- ``pytest_plugin``: the tests' own services
"""
