"""What gunicorn serves: `gunicorn -c gunicorn.conf.py wsgi:app`."""

import logging

from musicgen_api import create_app

logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
app = create_app()
