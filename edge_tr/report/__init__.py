"""What was found, for people: text and HTML."""
