"""Every folder of examples/, run as its README says; `make test-examples` sets them up."""
