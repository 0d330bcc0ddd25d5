//! Whole interactions, told line by line, beside how they were told before: what changes in behaviour is a diff to read.
//! `UPDATE_GOLDEN=1 cargo test --test protocols transcripts` writes them anew.

use std::path::PathBuf;

use quorate::raft::{ENTRY_BYTES, Limits, Proposal};

use super::cluster::{Cluster, Durable, ONE, THREE, TWO, command, disk, numbered};
use super::section_5_3::figure_7;
use super::section_5_4::{before_figure_8, committed_by_a_later_entry, figure_8, overwritten};
use super::transcript::Transcript;

fn directory() -> PathBuf {
    PathBuf::from("tests/protocols/raft/transcripts")
}

/// The first line in which they differ, if they do.
fn difference(told: &str, golden: &str) -> Option<String> {
    let lines = told.lines().map(Some).chain([None]);
    let mut expected = golden.lines().map(Some).chain(std::iter::repeat(None));
    for (number, line) in (1..).zip(lines) {
        let expected = expected.next().flatten();
        if line != expected {
            let show = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
            return Some(format!(
                "line {number} was\n{}\nand is\n{}",
                show(expected),
                show(line)
            ));
        }
    }
    None
}

/// Compares what happened with what is on file.
fn assert_golden(file: &str, cluster: &Cluster) {
    let path = directory().join(file);
    let told = cluster.tell();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &told).expect("the file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some(difference) = difference(&told, &golden) {
        panic!("{file}: {difference}\nrun with UPDATE_GOLDEN=1 if this is as it should be");
    }
}

/// From here on it is told what happens.
fn telling(mut cluster: Cluster) -> Cluster {
    cluster.transcript = Transcript::on();
    cluster
}

#[test]
fn an_election_is_won() {
    let mut cluster = telling(Cluster::new(3));
    cluster.campaign(ONE);
    cluster.settle();
    assert_golden("election_won.txt", &cluster);
}

#[test]
fn an_election_is_split_and_the_next_is_won() {
    let mut cluster = telling(Cluster::new(3));
    cluster
        .transcript
        .part("both campaign, and each votes for itself");
    cluster.campaign(ONE);
    cluster.campaign(TWO);
    cluster.crash(THREE);
    cluster.settle();
    cluster.start(THREE);
    cluster.transcript.part("one of them campaigns again");
    cluster.campaign(TWO);
    cluster.settle();
    assert_golden("election_split.txt", &cluster);
}

#[test]
fn a_candidate_whose_log_is_behind_raises_the_term_and_is_not_elected() {
    let mut cluster = telling(Cluster::led(3));
    cluster
        .transcript
        .part("server 3 is cut off, and misses an entry");
    cluster.propose(ONE, [command(1)]);
    cluster.lose(|envelope| envelope.to == THREE);
    cluster.settle();
    cluster.transcript.part("it campaigns");
    cluster.campaign(THREE);
    cluster.settle();
    cluster.transcript.part("who has the entry campaigns");
    cluster.campaign(TWO);
    cluster.settle();
    assert_golden("election_stale_candidate.txt", &cluster);
}

#[test]
fn entries_are_replicated_ahead_of_disks_and_answers() {
    let mut cluster = telling(Cluster::led(3));
    cluster.disks_are_slow = true;
    cluster.propose(ONE, [command(1), command(2)]);
    cluster.propose(ONE, [command(3)]);
    cluster.settle();
    cluster
        .transcript
        .part("a follower's disk, and the leader's");
    cluster.flush(TWO, 2);
    cluster.settle();
    cluster.flush(ONE, 1);
    cluster.flush(ONE, 1);
    cluster.settle();
    cluster.transcript.part("the other follower's");
    cluster.flush(THREE, 2);
    cluster.settle();
    assert_golden("replication.txt", &cluster);
}

#[test]
fn a_log_that_conflicts_is_brought_into_line() {
    let mut cluster = Cluster::on(vec![
        disk(3, &[1, 1, 3]),
        disk(3, &[1, 1, 3]),
        disk(3, &[1, 2, 2, 2]),
    ]);
    cluster = telling(cluster);
    cluster.campaign(ONE);
    cluster.settle();
    assert_golden("conflict.txt", &cluster);
}

#[test]
fn the_six_logs_of_figure_7_are_brought_into_line() {
    let mut cluster = telling(figure_7());
    cluster.elect(ONE);
    cluster.settle();
    assert_golden("figure_7.txt", &cluster);
}

#[test]
fn figure_8_in_which_an_entry_that_a_majority_has_is_overwritten() {
    let mut cluster = telling(before_figure_8());
    figure_8(&mut cluster);
    overwritten(&mut cluster);
    assert_golden("figure_8_overwritten.txt", &cluster);
}

#[test]
fn figure_8_in_which_it_is_committed_with_a_later_one() {
    let mut cluster = telling(before_figure_8());
    figure_8(&mut cluster);
    committed_by_a_later_entry(&mut cluster);
    assert_golden("figure_8_committed.txt", &cluster);
}

#[test]
fn a_follower_that_lags_is_sent_a_snapshot_in_chunks_and_crashes_meanwhile() {
    let mut cluster = Cluster::led(3);
    cluster.crash(THREE);
    cluster.propose(ONE, [command(1), command(2)]);
    cluster.settle();
    let mut cluster = telling(cluster);
    cluster.compact(ONE);
    cluster.propose(ONE, [command(3)]);
    cluster.settle();
    cluster.transcript.part("server 3 comes up");
    cluster.start(THREE);
    cluster.beat(ONE);
    for _ in 0..3 {
        cluster.deliver(ONE, THREE);
        cluster.deliver(THREE, ONE);
    }
    cluster.transcript.part("it crashes, and begins anew");
    cluster.restart(THREE);
    cluster.lose_all();
    cluster.beat(ONE);
    cluster.settle();
    assert_golden("snapshot.txt", &cluster);
}

#[test]
fn a_new_leader_reads_when_it_knows_how_far_and_that_it_still_leads() {
    let mut cluster = Cluster::led(3);
    cluster.propose(ONE, [command(7)]);
    cluster.settle_among(&[ONE, TWO]);
    cluster.crash(ONE);
    cluster.lose_all();
    let mut cluster = telling(cluster);
    cluster.elect(TWO);
    cluster.lose_all();
    cluster
        .transcript
        .part("it has not committed an entry of its own");
    cluster.read(TWO, 5);
    cluster.settle();
    cluster.transcript.part("now it has");
    cluster.read(TWO, 6);
    cluster.settle();
    assert_golden("reads.txt", &cluster);
}

#[test]
fn a_deposed_leader_that_is_asked_to_read_finds_out() {
    let mut cluster = telling(Cluster::led(3));
    cluster.campaign(TWO);
    cluster.settle_among(&[TWO, THREE]);
    cluster.lose_all();
    cluster.read(ONE, 5);
    cluster.settle();
    assert_golden("reads_deposed.txt", &cluster);
}

#[test]
fn a_server_crashes_with_records_that_are_not_durable_and_comes_up_again() {
    let mut cluster = telling(Cluster::led(3));
    cluster.disks_are_slow = true;
    cluster.propose(ONE, [command(1)]);
    cluster.propose(ONE, [command(2)]);
    cluster.settle();
    cluster
        .transcript
        .part("server 2 has one of its two records durable");
    cluster.flush(TWO, 1);
    cluster.restart(TWO);
    cluster.disks_are_slow = false;
    cluster.flush_all();
    cluster.settle();
    cluster.transcript.part("what it has lost it is sent again");
    cluster.beat(ONE);
    cluster.settle();
    assert_golden("crash.txt", &cluster);
}

#[test]
fn a_command_is_sent_again_and_applied_once_and_a_session_ends() {
    let limits = Limits {
        message_bytes_max: 8 * ENTRY_BYTES,
        sessions_max: 1,
        ..Limits::default()
    };
    let mut cluster = telling(Cluster::led_with(3, limits));
    cluster.propose(ONE, [Proposal::OpenSession { ticket: 70 }]);
    cluster.settle();
    cluster.transcript.part("a command, and the same again");
    cluster.propose(ONE, [numbered(2, 1, 7)]);
    cluster.settle();
    cluster.propose(ONE, [numbered(2, 1, 7)]);
    cluster.settle();
    cluster
        .transcript
        .part("another session is opened: there may be one");
    cluster.propose(ONE, [Proposal::OpenSession { ticket: 80 }]);
    cluster.propose(ONE, [numbered(2, 2, 8)]);
    cluster.settle();
    assert_golden("sessions.txt", &cluster);
}

#[test]
fn a_transcript_that_differs_is_noticed() {
    let mut cluster = telling(Cluster::new(3));
    cluster.campaign(ONE);
    let golden = cluster.tell();
    assert_eq!(difference(&cluster.tell(), &golden), None);
    cluster.settle();
    let told = cluster.tell();
    assert!(difference(&told, &golden).is_some());
    assert!(difference(&golden, &told).is_some());
    assert!(difference(&told, "").is_some());
    let (last, _) = told.trim_end().rsplit_once('\n').expect("many lines");
    assert!(difference(last, &told).is_some(), "a line is missing");
    assert!(difference(&told, last).is_some(), "there is one too many");
    let changed = told.replacen("yes", "no", 1);
    let difference = difference(&changed, &told).expect("a vote is another");
    assert!(difference.contains("no"), "{difference}");
    let empty = Cluster::on(vec![Durable::default()]);
    assert_ne!(empty.tell(), golden);
}

#[test]
fn every_transcript_on_file_is_compared() {
    let source = include_str!("transcripts.rs");
    let files = std::fs::read_dir(directory()).expect("the directory is there");
    let names: Vec<String> = files
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
}
