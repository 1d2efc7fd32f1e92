//! The dev-shell activator: .envrc, dotenv, allow list, environment diff, shells, cache.
