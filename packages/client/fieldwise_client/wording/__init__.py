"""Codes -> words, Chinese and English; the only place where a decision turns into sentences."""

from fieldwise_client.wording.terminal import render_decision

__all__ = ["render_decision"]
