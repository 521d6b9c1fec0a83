"""Jobs and the one GPU thread that runs them. Knows neither Flask nor torch, nor what a job is made of."""
