"""Which agents are offered a call, in which order: rules without state, one pure file each."""
