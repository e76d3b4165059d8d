"""The whole lifecycle against a plain model, the invariants it must keep, and races for them."""
