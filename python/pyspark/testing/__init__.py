"""Bases for tests of Spark programs, by the names that Spark's own tests use."""
