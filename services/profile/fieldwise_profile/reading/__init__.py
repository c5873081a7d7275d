"""Events on the wire into events of the core, with every reason why one is refused; knows no table."""

from fieldwise_profile.reading.batches import Batch, Reader, erased_rejections

__all__ = ["Batch", "Reader", "erased_rejections"]
