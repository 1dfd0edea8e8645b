"""The WSGI entry: gunicorn app:app, flask --app app."""

from sentari import create_app

app = create_app()
