"""The resources of Partner Center as msgspec structs."""
