"""What is to be known of the project: its modules, packages, style, tools, settings and migrations."""
