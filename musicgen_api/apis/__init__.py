"""The HTTP routes, one folder for each family of APIs; what they share stands beside the folders. No torch."""
