"""The sections of the settings, each declaration beside its like."""
