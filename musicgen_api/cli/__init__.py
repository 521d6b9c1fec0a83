"""The command line: `musicgen "warm lo-fi beat" -o beat.mp3`. It speaks to a service, or is one for a while."""
