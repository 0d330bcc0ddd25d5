//! Stub.
use crate::checker::Run;
use std::fmt::Debug;
use std::hash::Hash;

/// Cannot serve.
#[derive(Debug)]
pub struct ServeError;
impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stub")
    }
}
/// Stub.
pub fn serve<M: stateright::Model>(_: M, _: &str) -> Result<std::convert::Infallible, ServeError>
where
    M::State: Debug + Hash,
{
    Err(ServeError)
}
/// Stub.
pub fn fragment_of_run<M: stateright::Model>(_: &M, _: &Run<M>) -> String {
    String::new()
}
