"""Real counterparts for the tests: a vendor that signs, servers that misbehave, proxies."""
