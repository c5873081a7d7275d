"""Figures of forecasts; needs the `bench` dependencies and the demo's data."""
