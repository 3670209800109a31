"""Everything between a resource's method and the wire. Private: its pieces may change in any release."""
