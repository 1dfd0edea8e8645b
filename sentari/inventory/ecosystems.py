"""Which ecosystem a package belongs to. PURE."""

# Where the agent does not say the ecosystem, its kind of environment does.
_OF_ENV_TYPE = {
    "pip": "pypi",
    "venv": "pypi",
    "uv": "pypi",
    "poetry": "pypi",
    "pipenv": "pypi",
    "conda": "conda",
    "system_deb": "deb",
    "system_rpm": "rpm",
    "jvm": "maven",
    "npm": "npm",
    "nuget": "nuget",
}


def ecosystem_of(env_type: str) -> str:
    """Return the ecosystem that an environment type stands for, else the type itself."""
    return _OF_ENV_TYPE.get(env_type, env_type)
