"""Networks on other machines, behind the protocol of one that is here."""
