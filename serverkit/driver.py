"""Run statements on the database's driver itself, where a request's time depends on it.

SQLAlchemy takes ten times as long over a statement that touches one row as the database does. What
every request of an agent runs is therefore put into words once, and given to the driver.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Words:
    text: str
    constants: Mapping[str, Any]
    conversions: Sequence[tuple[str, _Convert]]


class DriverStatement:
    """A statement that is compiled once for each database and each set of columns."""

    def __init__(self, statement: ClauseElement | Mapping[str, ClauseElement]) -> None:
        """Take one statement, or one for each dialect's name."""
        self._statement = statement
        self._compiled: dict[tuple[str, ...], _Words] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Return the driver's cursor; `values` name every parameter and every column to set."""
        name = connection.dialect.name
        key = (name, *values)
        words = self._compiled.get(key)
        if words is None:
            words = self._compiled[key] = self._put_into_words(connection.dialect, values)
        parameters = {**words.constants, **values}
        for parameter, convert in words.conversions:
            parameters[parameter] = convert(parameters[parameter])
        return run_text(connection, words.text, parameters)

    def _put_into_words(self, dialect: Dialect, names: Iterable[str]) -> _Words:
        statement = self._statement
        if isinstance(statement, Mapping):
            statement = statement[dialect.name]
        # With parameters by name, whatever the dialect prefers.
        style = "named" if dialect.name == "sqlite" else dialect.paramstyle
        named: Dialect = cast(Any, type(dialect))(paramstyle=style)
        compiled = statement.compile(dialect=named, column_keys=list(names))
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return _Words(str(compiled), constants, _conversions(cast(SQLCompiler, compiled), dialect))


def _conversions(compiled: SQLCompiler, dialect: Dialect) -> Sequence[tuple[str, _Convert]]:
    found = (
        (name, bind.type.dialect_impl(dialect).bind_processor(dialect))
        for bind, name in compiled.bind_names.items()
    )
    return [(name, convert) for name, convert in found if convert is not None]


def run_text(connection: Connection, text: str, parameters: Any = ()) -> Any:
    """Run a statement in the driver's own words and return the driver's cursor.

    Raises what SQLAlchemy raises: OperationalError, IntegrityError and so on.
    """
    driver: Any = connection.connection.dbapi_connection
    errors: Any = connection.dialect.loaded_dbapi
    try:
        return driver.execute(text, parameters)
    except errors.Error as error:
        # The library's own way from a driver's error to its own: whoever listens for errors
        # hears of it, and a connection that broke is left. It has no public name.
        connection._handle_dbapi_exception(error, text, None, None, None)
