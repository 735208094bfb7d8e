"""The one exception that a user may meet."""


class UserError(Exception):
    """A mistake in the user's input or configuration, told in one line: file, row, and the fix."""
