"""Packages as pages: which devices have X."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sentari.extensions import db
from sentari.inventory import packages
from sentari.inventory.counts import packages_by_ecosystem
from sentari.inventory.exports import HOLDER_COLUMNS, PACKAGE_COLUMNS, holder_row, package_row
from sentari.inventory.filters import FilterError, PackageFilter
from sentari.inventory.text import storable
from sentari.web.listing import asked_file, table_download
from sentari.web.package_links import asked_version, package_url
from serverkit.paging import page_arguments
from serverkit.problems import Problem

blueprint = Blueprint("packages", __name__, url_prefix="/packages")
blueprint.add_app_template_global(package_url)


@blueprint.get("")
def index() -> ResponseReturnValue:
    """List packages, or download what is listed."""
    try:
        asked, session = PackageFilter.parse(request.args), db.session()
        if form := asked_file():
            rows = map(package_row, packages.every_package(session, asked))
            return table_download(form, "packages", PACKAGE_COLUMNS, rows)
        page, page_size = page_arguments()
        found = packages.search_packages(session, asked, page=page, page_size=page_size)
    except FilterError as error:
        return _listed(PackageFilter.unread(request.args), None, str(error)), 400
    return _listed(asked, found)


def _listed(asked: PackageFilter, found: packages.Found | None, fault: str = "") -> str:
    """Return the page; with a fault what was typed stays where it was typed."""
    ecosystems = packages_by_ecosystem(db.session())
    return render_template(
        "sentari/packages/index.html", asked=asked, found=found, fault=fault, ecosystems=ecosystems
    )


@blueprint.get("/<ecosystem>/<path:name>")
def show(ecosystem: str, name: str) -> ResponseReturnValue:
    """Show on which devices a package is, and in which versions."""
    return _page(storable(ecosystem), storable(name))


@blueprint.get("/show")
def show_by_query() -> ResponseReturnValue:
    """Show the same for a name that no path can carry."""
    return _page(
        storable(request.args.get("ecosystem", "")), storable(request.args.get("name", ""))
    )


def _page(ecosystem: str, name: str) -> ResponseReturnValue:
    session = db.session()
    version = asked_version(request.args)
    versions = packages.package_versions(session, ecosystem, name)
    if not versions:
        detail = "No device has this package now. It may have been removed, or never been here."
        raise Problem(404, "unknown_package", "No such package", detail)
    if form := asked_file():
        holders = packages.every_holder(session, name, ecosystem, version)
        return table_download(form, "package-devices", HOLDER_COLUMNS, map(holder_row, holders))
    page, page_size = page_arguments()
    found = packages.package_holders(
        session, name, ecosystem, version, page=page, page_size=page_size
    )
    return render_template(
        "sentari/packages/show.html",
        ecosystem=ecosystem,
        name=name,
        version=version,
        versions=versions,
        found=found,
    )
