//! What stands around the protocols in a node: the queue that holds effects back, the map, storage, transport.

mod hold_back;
mod map;
mod packed;
mod storage;
mod storage_format;
mod summed_up;
mod transport;
