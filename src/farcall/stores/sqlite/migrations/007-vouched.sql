-- Who registers with an invitation's link that the hub did not mail has the address on the word of whoever invited: it
-- counts for their invitations, and for nobody else's.
ALTER TABLE accounts ADD COLUMN vouched_by INTEGER REFERENCES accounts;
