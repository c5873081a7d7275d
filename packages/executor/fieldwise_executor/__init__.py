"""One interface to heavy work: a pool of local processes, or a Dask cluster by setting; knows no work."""
