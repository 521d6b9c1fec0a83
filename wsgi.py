"""What gunicorn serves: `gunicorn -c gunicorn.conf.py wsgi:app`."""

from musicgen_api import create_app, logs
from musicgen_api.settings import Settings

settings = Settings.from_environment()
logs.configure(settings.log_format)
app = create_app(settings)
