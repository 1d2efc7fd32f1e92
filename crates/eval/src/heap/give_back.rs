//! Memory that malloc keeps for later, given back to the system.

/// Gives back what has been freed. After work that needed much memory on threads that are gone, malloc keeps
/// most of it: as room at the ends of these threads' arenas, which it never looks at again by itself.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            /// Of the C library; it may be called at any time, on any thread.
            safe fn malloc_trim(pad: usize) -> i32;
        }
        malloc_trim(0);
    }
}
