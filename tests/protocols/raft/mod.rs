//! Raft, claim by claim: the core stepped by hand. Filed by the sections of the paper (Ongaro & Ousterhout 2014) and
//! of Ongaro's thesis; then what no section is about, whole interactions as transcripts, and random schedules.

mod cluster;
mod flow_control;
mod log;
mod peers;
mod section_5_1;
mod section_5_2;
mod section_5_3;
mod section_5_4;
mod section_5_5;
mod section_7;
mod section_8;
mod thesis_10_2;
mod thesis_6_3;
mod thesis_6_4;
mod transcript;
mod transcripts;
