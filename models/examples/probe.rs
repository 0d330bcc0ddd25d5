//! probe
use quorate::two_phase_commit::Published;
use quorate_models::checker::*;
use quorate_models::two_phase_commit::{self as tpc, parameters::*};
fn run(name: &str, p: &Parameters) {
        let (model, props) = tpc::model(p, tpc::protocol(p, Published));
        let e = explore(&model, &props, &Options{memory_max: 18<<30, progress: Some(&|p| if p.elapsed.as_millis() % 5000 < 200 {println!("{p:?}")}), ..Options::default()});
        println!("{} {:?} {:?}", name, e.progress, e.end);
        for v in &e.verdicts { if !v.as_expected() { println!("   !! {v:?}");
            if let Some(r) = v.counterexample() { for (a, _) in &r.steps { println!("      {}", model.sentence(a)); } println!("{}", model.beliefs(r.last())); } } }
}
fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    for i in instances() {
        if i.parameters.framework == Framework::ActorModel { continue; }
        if !only.is_empty() && !only.iter().any(|n| n == i.name) { continue; }
        if only.is_empty() && i.name == "large" { continue; }
        run(i.name, &i.parameters);
    }
}
