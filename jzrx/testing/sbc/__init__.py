"""The embedded SBC: a small server that behaves as jambonz does. `EmbeddedSbc` (server.py) is the way in.

frame ──> link.py ──> flow.py ──> script.py?  registrar.py │ routing.py ──> b2bua.py │ robots.py
                        └── legs.py: the calls of a flow, on the SIP engine and the media session that the phone has
"""
