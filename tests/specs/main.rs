mod instance;
mod value;
fn main() {
    for i in instance::instances("TwoPhaseCommit").unwrap() {
        let n = i.unique_states();
        println!("{} {}", i.name, n);
    }
}
