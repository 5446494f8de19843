"""The server: routes, access, waiting requests and errors."""
