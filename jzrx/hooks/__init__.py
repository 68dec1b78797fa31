"""The documented hooks, as observable state: `use_jambonz_client` and `use_call`; and `use_calls`."""
