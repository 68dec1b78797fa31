"""What users test with: phones in virtual time, a scripted peer, an embedded SBC."""
