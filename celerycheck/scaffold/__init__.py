"""`new-task`: what to make (spec), for whom (project, layout), as what (making), in which files (plan)."""
