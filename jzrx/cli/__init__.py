"""The command `jzrx` (`python -m jzrx`): parser.py reads the arguments, each command has a file of its own."""
