//! The builder as its users see it. Where the kernel forbids user namespaces, each test that needs
//! them says so and ends.

mod build;
mod peer;
mod sandbox;
mod schedule;
mod support;
