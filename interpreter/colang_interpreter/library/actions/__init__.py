"""Python actions of the library's rails, and what they give back."""
