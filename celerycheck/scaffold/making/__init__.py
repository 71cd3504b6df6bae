"""From spec, project and layout to the pieces: what templates may use, and what has to be set."""
