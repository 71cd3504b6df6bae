"""`new-task`: what to make (spec), for whom (project, layout), its text (render, pieces), its files (plan, write)."""
