"""Beat's jobs: thin tasks around the fleet's own deciders. Each is a singleton and may run twice without harm."""
