"""The figures of a call center: pure functions of the event log, over any interval."""
