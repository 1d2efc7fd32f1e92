//! The sandbox helper as a program of its own, for programs that use the builder as a library and
//! for its tests. `floe` is its own helper.

fn main() -> ! {
    floe_builder::sandbox_main()
}
