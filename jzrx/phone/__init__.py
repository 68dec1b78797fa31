"""Behind the facade: where store, signalling and media meet.

`phone.py` one client's parts · `line.py` one connection, from connect to its end · `media.py` the media of its calls ·
`control.py` what is done with calls · `quality.py` samples in time · `named.py`, `emitter.py` the documented events ·
`audio.py` what a call sends and hears · `background.py` a thread with a loop.
"""
