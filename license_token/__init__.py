"""The signed documents that the customer's server and the vendor's server exchange.

Standard library and PyNaCl only; no clock, no network, no state. `errors` names every refusal,
`encoding` and `fields` are the strict readers of values, `keys` and `jws` the one cryptographic
construction, and `certificate`, `request`, `reply` and `license_key` the documents themselves.
"""
