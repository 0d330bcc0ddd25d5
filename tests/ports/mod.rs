//! Ports for servers that tests start.

use std::net::TcpListener;

/// The first of so many ports in a row: free now, and below those that a system gives to whoever dials, so that none is taken
/// while its server is down.
pub fn free_ports(count: u16) -> u16 {
    let firsts = std::iter::repeat_with(|| fastrand::u16(10_000..32_000));
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut free = firsts.filter(|first| (*first..first + count).all(is_free));
    free.next().expect("there is always another")
}
