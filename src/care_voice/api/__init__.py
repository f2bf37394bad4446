"""HTTP: routes, wire schemas, errors as answers, server-sent events, the web app's files."""
