"""For people at the page: `GET /`, and what the page needs to know."""
