"""Revisions of the jobs process's database."""
