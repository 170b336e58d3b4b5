"""What shares and exchange rates did, and what of the tariff they carry."""
