"""What every endpoint of the API stands on, and those about people: signing in, who I am, who works where."""
