//! Store paths, NAR, derivations and the store itself.
