"""Who works where, and by which rules."""
