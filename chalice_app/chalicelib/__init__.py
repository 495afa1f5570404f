"""What lies between Chalice and `cali`."""
