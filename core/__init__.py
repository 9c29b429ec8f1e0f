"""The ground floor: settings, secrets, database, privacy, clock, logging. Imports none of the other packages."""
