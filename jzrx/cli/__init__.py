"""The command `jzrx` (`python -m jzrx`): main.py reads the arguments, each command has a file of its own."""
