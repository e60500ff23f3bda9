"""Tables made from tables: verdicts. Nothing here draws."""
