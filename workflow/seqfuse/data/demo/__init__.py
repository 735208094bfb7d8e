"""The demo sets: random sequences with a planted truth."""
