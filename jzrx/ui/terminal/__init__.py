"""The terminal's phone (extra `[tui]`, Textual): by mouse and keyboard, with the SIP trace beside it."""
