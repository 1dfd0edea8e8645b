"""Technical parts that both servers stand on; no rule of the product lives here."""
