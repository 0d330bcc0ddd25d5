//! Objects: their sequential specifications.

mod counter;
mod map;
mod multi_register;
mod mutex;
mod queue;
mod register;
mod set;

pub use counter::{Counter, CounterRequest, CounterResponse};
pub use map::{Map, MapRequest, MapResponse};
pub use multi_register::{MultiRegister, Part};
pub use mutex::{Mutex, MutexRequest, MutexResponse};
pub use queue::{Queue, QueueRequest, QueueResponse};
pub use register::{Register, RegisterRequest, RegisterResponse};
pub use set::{Set, SetRequest, SetResponse};
