"""What the server counts beside its rows, counted at once where rows were written without it."""

_STATEMENTS = """
    WITH counted AS (
        SELECT package_id, count(*) AS devices FROM device_package GROUP BY package_id
    )
    UPDATE package SET device_count = counted.devices
    FROM counted WHERE counted.package_id = package.id;
    INSERT INTO ecosystem_count (ecosystem, packages)
        SELECT ecosystem, count(*) FROM package WHERE device_count > 0 GROUP BY ecosystem;
    WITH counted AS (
        SELECT device_id, ecosystem, count(*) AS packages
        FROM device_package JOIN package ON package.id = device_package.package_id
        GROUP BY device_id, ecosystem
    ), joined AS (
        SELECT device_id, {function}(ecosystem, packages) AS ecosystems
        FROM counted GROUP BY device_id
    )
    UPDATE device SET ecosystems = joined.ecosystems
        FROM joined WHERE joined.device_id = device.id
"""

COUNT_ON_SQLITE = _STATEMENTS.format(function="json_group_object").split(";")
COUNT_ON_POSTGRES = _STATEMENTS.format(function="json_object_agg").split(";")
