"""What to make: questions, their answers from flags, terminal and file, and the spec they make."""
