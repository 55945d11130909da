"""The course: published experiments, assignments and what is handed in."""
