//! The cases of claims that are about each process and each transaction, by number.

use quorate::atomic_commit::TransactionId;
use quorate::protocol::ProcessId;

use super::application::Clients;
use crate::system::Environment;

/// How many epochs the coordinator may come to.
pub fn epochs(environment: &Environment) -> usize {
    match environment.recovery {
        true => 1 + usize::from(environment.crashes),
        false => 1,
    }
}

/// The transaction of a case.
pub fn transaction(clients: &Clients, case: usize) -> TransactionId {
    let transactions = usize::from(clients.transactions);
    TransactionId {
        epoch: (case / transactions + 1) as u64,
        number: (case % transactions + 1) as u64,
    }
}

/// The participant and the transaction of a case.
pub fn participant(clients: &Clients, case: usize) -> (TransactionId, ProcessId) {
    let participants = usize::from(clients.participants);
    let participant = ProcessId((case % participants + 1) as u16);
    (transaction(clients, case / participants), participant)
}

/// The process, the coordinator included, and the transaction of a case.
pub fn process(clients: &Clients, case: usize) -> (TransactionId, ProcessId) {
    let processes = usize::from(clients.participants) + 1;
    let process = ProcessId((case % processes) as u16);
    (transaction(clients, case / processes), process)
}
