//! Which of a system's actions cannot be put off for ever: the assumptions that claims of liveness choose from.
//!
//! Each is as fine as it has to be: a coarser class would be kept by actions that do not help. All are weak;
//! `Fairness { strength: Strength::Strong, ..System::deliveries() }` is the strong one. Crashes, drops, partitions,
//! requests and stabilisation belong to no class: none of them has to happen.

use std::hash::Hash;

use quorate::protocol::Protocol;
use quorate_checker::quotient::Quotient;
use quorate_checker::{Fairness, Strength};

use super::interned::content_hash;
use super::{Action, Application, Disk, Environment, NetworkKind, System};

impl<P: Protocol + 'static, A: Application<P> + 'static> System<P, A> {
    /// What can be delivered for long enough is delivered: on a set or bag each message by itself, on FIFO what is
    /// first on each link.
    pub fn deliveries() -> Fairness<Self> {
        Fairness::weak(
            "delivery of each message, on FIFO on each link",
            |system, action| {
                let Action::Deliver(envelope) = action else {
                    return None;
                };
                Some(match system.environment.network {
                    NetworkKind::Set | NetworkKind::Bag => number(envelope),
                    NetworkKind::Fifo => number(&envelope.link()),
                })
            },
        )
    }

    /// A timer that is set for long enough fires, each at each process by itself.
    pub fn timers() -> Fairness<Self> {
        Fairness::weak("each timer of each process", |_, action| match action {
            Action::Timeout(id, timer) => Some(number(&(id, timer))),
            _ => None,
        })
    }

    /// Records become durable, at each process.
    pub fn flushes() -> Fairness<Self> {
        Fairness::weak("the disk of each process", |_, action| match action {
            Action::Flush(id) => Some(u64::from(id.0)),
            _ => None,
        })
    }

    /// Who is down comes up again.
    pub fn recoveries() -> Fairness<Self> {
        Fairness::weak("recovery of each process", |_, action| match action {
            Action::Recover(id) => Some(u64::from(id.0)),
            _ => None,
        })
    }

    /// A cut does not stay for ever.
    pub fn heals() -> Fairness<Self> {
        Fairness::weak("healing of the network", |_, action| match action {
            Action::Heal => Some(0),
            _ => None,
        })
    }

    /// What claims about classes of states rely on, in this environment: that messages arrive, timers fire and records
    /// become durable, and, if they need that, that who is down comes up again. Timers are accurate in the end: they fire where
    /// all else has come to rest, so that one process that says something again and again keeps those of the others
    /// from being set for long. So theirs is strong.
    pub fn fairness_of_classes(
        environment: &Environment,
        recoveries: bool,
    ) -> Vec<Fairness<Quotient<Self>>> {
        type Classes<P, A> = Quotient<System<P, A>>;
        let deliveries = Fairness::weak(
            Self::deliveries().name,
            |classes: &Classes<P, A>, action| (Self::deliveries().class)(&classes.model, action),
        );
        let timers = Fairness {
            strength: Strength::Strong,
            ..Fairness::weak(Self::timers().name, |classes: &Classes<P, A>, action| {
                (Self::timers().class)(&classes.model, action)
            })
        };
        let flushes = Fairness::weak(Self::flushes().name, |classes: &Classes<P, A>, action| {
            (Self::flushes().class)(&classes.model, action)
        });
        let recover = Fairness::weak(
            Self::recoveries().name,
            |classes: &Classes<P, A>, action| (Self::recoveries().class)(&classes.model, action),
        );
        let mut fairness = vec![deliveries, timers];
        fairness.extend((environment.disk == Disk::Buffered).then_some(flushes));
        fairness.extend(recoveries.then_some(recover));
        fairness
    }
}

/// A class's number: of what it is, and not of when it was met.
fn number<T: Hash>(of: &T) -> u64 {
    content_hash(of) as u64
}
