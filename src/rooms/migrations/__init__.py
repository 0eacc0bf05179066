"""One linear history of the database, one schema per file, plain SQL."""
