-- Who waits for an address to be proved is found by the address: the link can be mailed again.
CREATE INDEX confirmations_by_email ON confirmations (email);
