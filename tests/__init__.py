"""All tests, a folder per package. A package of this name, since some library on the path brings a stray one."""
