"""What everybody talks about: requests, events, errors, progress. It knows nothing of the rest."""
