"""What people see and say: the API, the acknowledge page, probes, and the receipts of paging services."""
