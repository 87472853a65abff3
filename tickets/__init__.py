"""Everything the owner touches: units, owners, requests and the five-step flow."""
