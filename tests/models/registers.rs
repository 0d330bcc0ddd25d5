//! Write-once registers: what their model leaves out, and what each does on its own. Every run of a few clients on one of
//! them, and bugs, are in `cargo models`.

use quorate::paxos;
use quorate::protocol::{Effect, EffectList, Input, ProcessId, Protocol};
use quorate::registers::{Message, Output, Register, Registers, Request, Role};
use quorate_models::register::Value;
use quorate_models::registers::parameters::Parameters;
use quorate_models::registers::{NAME, model, protocol};
use quorate_models::system::{Disk, Environment};

use crate::nothing_is_lost::assert_nothing_is_lost;

fn registers() -> Registers<Value> {
    Registers::new(3).unwrap()
}

fn assert_forgetting_loses_nothing(parameters: &Parameters) {
    let whole = Parameters {
        forgets_spent: false,
        ..parameters.clone()
    };
    let build = |parameters| model(parameters, protocol(parameters)).model;
    assert_nothing_is_lost(&build(parameters), &build(&whole));
}

#[test]
fn forgetting_spent_messages_loses_no_state_and_no_step() {
    let two_nodes = Parameters {
        nodes: 2,
        ..Parameters::default()
    };
    assert_forgetting_loses_nothing(&two_nodes);
}

#[test]
fn forgetting_spent_messages_loses_nothing_where_decisions_are_told_and_a_node_crashes() {
    let crash = Parameters {
        nodes: 2,
        writers: 1,
        readers: 1,
        decisions: true,
        environment: Environment {
            crashes: 1,
            ..Environment::default()
        },
        ..Parameters::default()
    };
    assert_forgetting_loses_nothing(&crash);
}

fn buffered(readers: u8) -> Parameters {
    Parameters {
        nodes: 2,
        writers: 1,
        readers,
        environment: Environment {
            crashes: 1,
            disk: Disk::Buffered,
            ..Environment::default()
        },
        ..Parameters::default()
    }
}

#[test]
fn forgetting_spent_messages_loses_nothing_where_a_node_crashes_and_its_disk_is_late() {
    assert_forgetting_loses_nothing(&buffered(0));
}

#[test]
#[ignore = "it takes minutes"]
fn forgetting_spent_messages_loses_nothing_where_its_disk_is_late_and_somebody_reads() {
    assert_forgetting_loses_nothing(&buffered(1));
}

/// A node steps one register, and others are as they were.
#[test]
fn registers_have_nothing_to_do_with_each_other() {
    let protocol = registers();
    let mut state = protocol.initial(ProcessId(0));
    let mut effects = EffectList::new();
    for (ticket, name) in (1..).zip(["a", "b"]) {
        let (name, value) = (name.to_owned(), 1);
        let write = Request::Write {
            ticket,
            name,
            value,
        };
        protocol.step(ProcessId(0), &mut state, Input::Submit(write), &mut effects);
    }
    let of_b = state["b"].clone();
    effects.take();
    let decided = Message::Decree {
        name: "a".to_owned(),
        from: Role::Learner,
        to: Role::Learner,
        message: paxos::Message::Decision { value: 2 },
    };
    let from = ProcessId(1);
    let receive = Input::Receive {
        from,
        message: decided,
    };
    protocol.step(ProcessId(0), &mut state, receive, &mut effects);
    assert_eq!(state["a"], Register::Chosen(2));
    assert_eq!(state["b"], of_b);
    let told = effects.take().into_iter();
    let told: Vec<_> = told
        .filter_map(|effect| match effect {
            Effect::Emit(output) => Some(output),
            _ => None,
        })
        .collect();
    let (ticket, value) = (1, Some(2));
    assert_eq!(told, [Output { ticket, value }]);
}

#[test]
fn a_register_that_is_only_read_leaves_nothing_behind() {
    let protocol = registers();
    let mut state = protocol.initial(ProcessId(0));
    let mut effects = EffectList::new();
    let (ticket, name) = (1, NAME.to_owned());
    let read = Request::Read { ticket, name };
    protocol.step(ProcessId(0), &mut state, Input::Submit(read), &mut effects);
    let (from, name, accepted) = (ProcessId(2), NAME.to_owned(), None);
    let message = Message::Vote {
        name,
        ticket,
        accepted,
    };
    let receive = Input::Receive { from, message };
    protocol.step(ProcessId(0), &mut state, receive, &mut effects);
    assert!(effects.as_slice().contains(&Effect::Emit(Output {
        ticket,
        value: None
    })));
    assert!(state.is_empty());
    assert!(protocol.timers(&state).is_empty());
}
