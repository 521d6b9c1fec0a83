"""What all other packages share: requests, events, errors, progress. It imports none of them."""
