"""The course: published experiments and their reproduction, records, assignments, comparison."""
