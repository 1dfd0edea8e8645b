"""What all pages of licenses hang on."""

from flask import Blueprint

blueprint = Blueprint("licenses", __name__, url_prefix="/licenses")
