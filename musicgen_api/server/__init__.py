"""The HTTP front: a worker class for gunicorn whose main loop owns every socket and never waits for a client.

    clients ── loop (worker, front, connection) ── complete requests ── threads (answering) ── the application
                   reading, chunked: bytes in                               sending: bytes out, by thread and loop

It knows HTTP and gunicorn, and no route.
"""
