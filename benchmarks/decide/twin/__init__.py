"""The rival: the same decision from the same cores, as FastAPI services that talk JSON over HTTP with httpx."""
