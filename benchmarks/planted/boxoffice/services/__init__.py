"""What the box office does, apart from any queue."""
