"""Microphones and speakers, by way of PortAudio; which there are is asked of PulseAudio or PipeWire where one answers.

Nothing here loads a library before a device is used: the extra `[audio]` is optional, and so is each device.
"""
