"""What is for CPUs alone: the compiled step in its forms, and the choice of threads."""
