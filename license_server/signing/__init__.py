"""Root and signing keys: made, kept, published, used."""
