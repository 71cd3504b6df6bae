"""The box office's tasks, by what they are about."""
