//! What whole-program tests share: running the built binary, driving it over stdio, real shells.
