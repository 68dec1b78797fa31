"""Phones for people, on nothing but the public hooks: what they all show (`view`, `model`), and the terminal's."""
