"""The house over HTTP: routes that parse, call one face, and answer JSON or a problem."""
