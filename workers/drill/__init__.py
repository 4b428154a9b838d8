"""Do credentials rotate under real tasks without one failing, and is any of them found where it must not be?

A throw-away fleet with every door shut: a real secret server, a broker user per program, signed messages, a provider that
knows which keys are valid. What may not live here: how a credential is rotated (fleet.secrets).
"""
