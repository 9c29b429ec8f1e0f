"""What will be: assets computed in Python from the marts."""
