//! What is linearizable of a register, and what is not.

use quorate_models::register::{History, Operation, Register};

fn history(once: bool) -> History {
    History::new(Register { holds: 0, once })
}

#[test]
fn a_read_that_overlaps_a_write_may_see_it_or_not() {
    for seen in [0, 1] {
        let mut history = history(false);
        history.invoke(0, Operation::Write(1));
        history.invoke(1, Operation::Read);
        history.answer(1, seen);
        assert!(history.is_linearizable());
    }
}

#[test]
fn a_read_after_a_write_that_has_returned_sees_it() {
    let mut history = history(false);
    history.invoke(0, Operation::Write(1));
    history.answer(0, 1);
    history.invoke(1, Operation::Read);
    history.answer(1, 0);
    assert!(!history.is_linearizable());
}

#[test]
fn a_value_that_was_read_is_not_read_away() {
    let mut history = history(false);
    history.invoke(0, Operation::Write(1));
    for seen in [1, 0] {
        history.invoke(1, Operation::Read);
        history.answer(1, seen);
    }
    assert!(!history.is_linearizable());
}

#[test]
fn who_writes_a_register_that_is_written_once_is_told_what_it_holds() {
    let mut history = history(true);
    history.invoke(0, Operation::Write(1));
    history.invoke(1, Operation::Write(2));
    history.answer(0, 2);
    history.answer(1, 2);
    assert!(history.is_linearizable());
    history.invoke(2, Operation::Read);
    history.answer(2, 1);
    assert!(!history.is_linearizable());
}

#[test]
fn what_is_told_again_is_no_second_answer() {
    let mut history = history(false);
    history.invoke(0, Operation::Write(1));
    history.answer(0, 1);
    let once = history.clone();
    history.answer(0, 1);
    assert_eq!(history, once);
}
