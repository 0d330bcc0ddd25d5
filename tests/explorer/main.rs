//! Stateright's Explorer on our models, in a real browser.
//!
//! Without Chromium and its driver these tests are ignored, but fail where the environment variable `CI` is
//! set. Each leaves a picture of what it saw in the target directory, under `explorer`.

use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use quorate::protocol::Protocol;
use quorate::three_phase_commit::ThreePhaseCommit;
use quorate::two_phase_commit::{Published, TwoPhaseCommit};
use quorate_checker::explorer::{DEFAULT_ADDRESS, Site, address_of_run};
use quorate_checker::{Condition, Options, Property, Run, explore};
use quorate_models::atomic_commit::agreement;
use quorate_models::atomic_commit::application::Clients;
use quorate_models::catalogue;
use quorate_models::system::{Action, Application, Disk, NetworkKind, System, SystemState};
use quorate_models::three_phase_commit;
use quorate_models::two_phase_commit::liveness::{self, IN_DOUBT_DECIDES};
use quorate_models::two_phase_commit::mutants::{MUTANTS, Mutant};
use quorate_models::two_phase_commit::parameters::{Parameters, instances};
use quorate_models::two_phase_commit::{self, Model};
use stateright::Model as _;

mod browser;

use browser::{Browser, Result, Tools};

type TheModel = Model<TwoPhaseCommit<Published>>;
type TheState = SystemState<TwoPhaseCommit<Published>, Clients>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tools = Tools::find();
    if let Err(missing) = &tools {
        eprintln!("explorer: {missing} is not installed, and tools/install installs it");
    }
    let ignored = tools.is_err() && std::env::var_os("CI").is_none();
    let trials = trials(tools.as_ref().ok());
    let trials = trials.into_iter().map(|t| t.with_ignored_flag(ignored));
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn trials(tools: Option<&Tools>) -> Vec<Trial> {
    let trial = |name, parameters, test: Test<_>| {
        let serve = |site: Site, parameters: &Parameters| site.serve(model(parameters));
        trial(tools, name, parameters, model, serve, test)
    };
    let default = || instance("default");
    vec![
        trial("the_page_lists_the_properties", default(), |page| {
            Box::pin(lists_properties(page))
        }),
        trial("a_click_takes_a_step_and_draws_it", default(), |page| {
            Box::pin(a_click_takes_a_step(page))
        }),
        trial(
            "only_what_changes_something_is_offered",
            buffered(),
            |page| Box::pin(nothing_is_ignored(page)),
        ),
        trial(
            "a_runs_address_opens_it_with_its_crash",
            default(),
            |page| Box::pin(opens_a_run(page)),
        ),
        trial("every_kind_of_event_is_drawn", buffered(), |page| {
            Box::pin(draws_every_event(page))
        }),
        trial(
            "running_to_completion_finishes",
            instance("small"),
            |page| Box::pin(runs_to_completion(page)),
        ),
        self::trial(
            tools,
            "a_mutants_counterexample_opens_under_the_address_that_its_report_prints",
            instance(mutant().instance),
            model,
            serve_mutant,
            |page| Box::pin(opens_a_counterexample(page)),
        ),
        self::trial(
            tools,
            "a_partition_is_drawn_and_who_suspects_whom_is_told",
            (),
            |()| parted(),
            |site, ()| site.serve(parted()),
            |page| Box::pin(shows_partition_and_suspicion(page)),
        ),
        trial(
            "a_lasso_opens_as_a_path_of_its_stem_and_one_turn",
            stabilising_bag(),
            |page| Box::pin(opens_a_lasso(page)),
        ),
    ]
}

/// Serves a model of these parameters for ever.
type Serve<Q> = fn(Site, &Q) -> !;

type Test<P> = for<'a> fn(&'a Page<P>) -> Pin<Box<dyn Future<Output = Result> + 'a>>;

/// A test of a page that serves a model of these parameters, or of a mutant like it.
fn trial<P: Protocol + 'static, Q: Clone + Send + 'static>(
    tools: Option<&Tools>,
    name: &'static str,
    parameters: Q,
    model: fn(&Q) -> System<P, Clients>,
    serve: Serve<Q>,
    test: Test<P>,
) -> Trial
where
    Clients: Application<P>,
{
    let tools = tools.cloned();
    Trial::test(name, move || {
        let tools = tools.ok_or("there is no browser")?;
        let model = model(&parameters);
        in_browser(&tools, name, model, &parameters, serve, test).map_err(|e| e.to_string().into())
    })
}

async fn lists_properties(page: &Page) -> Result {
    let browser = &page.browser;
    page.open("").await?;
    let names: Vec<&str> = page.model.properties.iter().map(|p| p.name).collect();
    browser.see(&format!("Always {}", names[0])).await?;
    assert_eq!(browser.client.title().await?, "Stateright Explorer");
    let text = browser.texts("body").await?.concat();
    for name in names {
        assert!(text.contains(name), "{name:?} is listed: {text}");
    }
    let model = "System<TwoPhaseCommit";
    assert!(text.contains(model), "the model is named: {text}");
    Ok(())
}

async fn a_click_takes_a_step(page: &Page) -> Result {
    let browser = &page.browser;
    page.open("").await?;
    browser.click("Init 0").await?;
    page.wait_for_path(2).await?;
    let action = "the application asks coordinator to Begin";
    browser.click(action).await?;
    page.wait_for_path(3).await?;
    let address = browser.client.current_url().await?;
    assert_eq!(address.fragment(), Some("/steps/0/0"));
    let lanes = browser.texts(".quorate-diagram .quorate-name").await?;
    assert_eq!(lanes[0], "application");
    assert_eq!(lanes[1..], page.model.names());
    assert_eq!(page.drawn("request").await?, 1);
    Ok(())
}

async fn nothing_is_ignored(page: &Page) -> Result {
    let browser = &page.browser;
    page.open("#/steps/0/0").await?;
    page.wait_for_path(3).await?;
    assert!(browser.count("a[href^='#/steps/0/0/']").await? > 0);
    assert_eq!(browser.count("a.is-ignored").await?, 0);
    Ok(())
}

async fn opens_a_run(page: &Page) -> Result {
    let run = page.run(|_, state| state.crashes == 1 && state.down() == 0 && commits(state) == 4);
    page.open_run(&run).await?;
    assert_eq!(page.drawn("crash").await?, 1);
    assert_eq!(page.drawn("recovery").await?, 1);
    assert_eq!(page.drawn("step").await?, run.steps.len() + 1);
    Ok(())
}

async fn draws_every_event(page: &Page) -> Result {
    let run = page.follow(&[
        "coordinator's oldest pending record becomes durable",
        "the application asks coordinator to Begin",
        "the application asks participant 1 to Work(t1.1)",
        "the application asks participant 2 to Work(t1.1)",
        "the application asks coordinator to Commit(t1.1 at {1, 2})",
        "participant 1 receives Prepare(t1.1) from coordinator",
        "participant 2 receives Prepare(t1.1) from coordinator",
        "participant 2's oldest pending record becomes durable",
        "participant 1's oldest pending record becomes durable",
        "coordinator receives Yes(t1.1) from participant 1",
        "coordinator receives Yes(t1.1) from participant 2",
        "coordinator's oldest pending record becomes durable",
        "the network loses Commit(t1.1) from coordinator to participant 2",
        "participant 1 receives Commit(t1.1) from coordinator",
        "participant 1 crashes",
        "participant 2's timer Inquire(t1.1) fires",
        "participant 1 recovers",
        "coordinator receives Inquire(t1.1) from participant 2",
        "participant 2 receives Commit(t1.1) from coordinator",
        "participant 2's oldest pending record becomes durable",
    ]);
    page.open_run(&run).await?;
    for event in [
        "message", "request", "drop", "crash", "recovery", "flush", "timeout",
    ] {
        assert!(page.drawn(event).await? > 0, "a {event} is drawn");
    }
    Ok(())
}

async fn runs_to_completion(page: &Page) -> Result {
    let browser = &page.browser;
    page.open("").await?;
    browser.click("Run to completion").await?;
    browser.see("Done").await?;
    browser.see("Safety holds").await?;
    Ok(())
}

/// A mutant whose counterexample has a crash.
fn mutant() -> &'static Mutant {
    let mut mutants = MUTANTS.iter();
    let found = mutants.find(|mutant| mutant.name == "own-abort-not-forced");
    found.expect("a named mutant")
}

fn serve_mutant(site: Site, parameters: &Parameters) -> ! {
    let protocol = mutant().protocol(parameters);
    site.serve(two_phase_commit::model(parameters, protocol).0)
}

async fn opens_a_counterexample(page: &Page) -> Result {
    let report = catalogue::model("two-phase-commit")?;
    let report = report.check_mutant(mutant().name, &Options::default())?;
    let address = report.address.expect("the mutant is found");
    let address = address.replace(DEFAULT_ADDRESS, &page.site.host_and_port());
    page.browser.client.goto(&address).await?;
    let steps = report.steps.expect("the mutant is found");
    page.wait_for_path(steps + 2).await?;
    assert_eq!(page.drawn("crash").await?, 1);
    page.browser.click("Run to completion").await?;
    page.browser.see("Counterexample found").await?;
    Ok(())
}

/// A bag, on which inquiries can keep a coordinator from its deadline, if timers are weakly fair only.
fn stabilising_bag() -> Parameters {
    let mut parameters = instance("no-crash");
    parameters.participants = 1;
    parameters.environment.network = NetworkKind::Bag;
    parameters.environment.crashes = 1;
    parameters.environment.stabilises = true;
    parameters
}

async fn opens_a_lasso(page: &Page) -> Result {
    let claims = liveness::claims(&stabilising_bag()).into_iter();
    let claims: Vec<_> = claims.filter(|c| c.name == IN_DOUBT_DECIDES).collect();
    let weak = [System::deliveries(), System::timers(), System::recoveries()];
    let exploration = explore(&page.model, &claims, &weak, &Options::default());
    let lasso = exploration.verdicts[0].counterexample();
    let lasso = lasso.expect("weak fairness is not enough");
    let begins = lasso.cycle.expect("a run that goes on for ever");
    assert!(begins < lasso.steps.len(), "it does not stand still");
    let (_, at_the_beginning) = &lasso.steps[begins - 1];
    assert_eq!(at_the_beginning, lasso.last());
    page.open_run(lasso).await?;
    assert_eq!(page.drawn("step").await?, lasso.steps.len() + 1);
    Ok(())
}

/// Three-phase commit whose network parts, for good.
fn parted() -> System<ThreePhaseCommit, Clients> {
    let mut instances = three_phase_commit::parameters::instances().into_iter();
    let found = instances.find(|instance| instance.name == "partition");
    let parameters = found.expect("a named instance").parameters;
    let protocol = ThreePhaseCommit::new(usize::from(parameters.participants));
    three_phase_commit::model(&parameters, protocol.expect("there are participants")).model
}

async fn shows_partition_and_suspicion(page: &Page<ThreePhaseCommit>) -> Result {
    let run = page.run(|_, state| !agreement(&state.view));
    page.open_run(&run).await?;
    assert_eq!(page.drawn("partition").await?, 1);
    let browser = &page.browser;
    browser.see("the network parts: coordinator | ").await?;
    let text = browser.texts("body").await?.concat();
    assert!(
        text.contains("suspects {0}"),
        "whom somebody suspects: {text}"
    );
    let sides = "coordinator | participant 1, participant 2";
    assert!(text.contains(sides), "who cannot reach whom: {text}");
    Ok(())
}

fn instance(name: &str) -> Parameters {
    let mut instances = instances().into_iter();
    let found = instances.find(|instance| instance.name == name);
    found.expect("a named instance").parameters
}

/// Messages are lost, processes crash, disks take their time.
fn buffered() -> Parameters {
    let mut parameters = instance("fifo");
    parameters.participants = 2;
    parameters.environment.disk = Disk::Buffered;
    parameters
}

fn model(parameters: &Parameters) -> TheModel {
    let protocol = two_phase_commit::protocol(parameters, Published);
    two_phase_commit::model(parameters, protocol).0
}

/// How many processes have told that the first transaction is committed.
fn commits(state: &TheState) -> u32 {
    let first = state.view.transactions.values().next();
    first.map_or(0, |told| told.committed.len())
}

/// How often a port is claimed that another program takes.
const CLAIMS_MAX: usize = 8;

/// Serves the model, and returns where when it answers. Stateright opens its socket itself, so that between claim and
/// opening another program may take the port: then another one is claimed.
fn served<Q: Clone + Send + 'static>(parameters: &Q, serve: Serve<Q>) -> Result<Site> {
    for _ in 0..CLAIMS_MAX {
        let site = Site::claim("127.0.0.1:0")?;
        let parameters = parameters.clone();
        let server = std::thread::spawn(move || serve(site, &parameters));
        while !server.is_finished() {
            if TcpStream::connect(site.host_and_port()).is_ok() {
                return Ok(site);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    Err("the Explorer ended before it answered, each time that it was started".into())
}

/// Serves the model, opens a browser, and takes a picture when the test is over.
fn in_browser<P: Protocol + 'static, Q: Clone + Send + 'static>(
    tools: &Tools,
    name: &str,
    model: System<P, Clients>,
    parameters: &Q,
    serve: Serve<Q>,
    test: Test<P>,
) -> Result
where
    Clients: Application<P>,
{
    let site = served(parameters, serve)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let page = Page {
        browser: runtime.block_on(Browser::start(tools))?,
        site,
        model,
    };
    // The browser ends with its session: also when the test fails.
    let tested = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(&page))));
    runtime.block_on(page.browser.picture(name))?;
    runtime.block_on(page.browser.close())?;
    tested.unwrap_or_else(|panic| resume_unwind(panic))
}

/// The Explorer in a browser.
struct Page<P: Protocol + 'static = TwoPhaseCommit>
where
    Clients: Application<P>,
{
    browser: Browser,
    site: Site,
    model: System<P, Clients>,
}

impl<P: Protocol + 'static> Page<P>
where
    Clients: Application<P>,
    System<P, Clients>: Sync,
    SystemState<P, Clients>: Send + Sync,
    Action<P>: Send,
{
    async fn open(&self, fragment: &str) -> Result {
        let address = format!("{}{fragment}", self.site.url());
        Ok(self.browser.client.goto(&address).await?)
    }

    /// Opens a run under its own address, and waits until all of it is there.
    async fn open_run(&self, run: &Run<System<P, Clients>>) -> Result {
        let address = address_of_run(&self.site.host_and_port(), &self.model, run);
        self.browser.client.goto(&address).await?;
        self.wait_for_path(run.steps.len() + 2).await
    }

    /// A shortest run to a state.
    fn run(
        &self,
        to: fn(&System<P, Clients>, &SystemState<P, Clients>) -> bool,
    ) -> Run<System<P, Clients>> {
        let property = Property::holds("the end", Condition::Sometimes(to));
        let options = Options {
            stop_at: Some("the end"),
            ..Options::default()
        };
        let exploration = explore(&self.model, &[property], &[], &options);
        let verdict = exploration.verdicts.into_iter().next();
        verdict.and_then(|v| v.witness).expect("such a run exists")
    }

    /// The run that takes these steps.
    fn follow(&self, sentences: &[&str]) -> Run<System<P, Clients>> {
        let initial = self.model.init_states().remove(0);
        let mut run = Run {
            initial,
            steps: Vec::new(),
            cycle: None,
        };
        for sentence in sentences {
            let steps = self.model.next_steps(run.last());
            let mut sentences = steps.iter().map(|(action, _)| self.model.sentence(action));
            let index = sentences.position(|other| other == *sentence);
            let index = index.unwrap_or_else(|| panic!("it can happen that {sentence}"));
            run.steps.extend(steps.into_iter().nth(index));
        }
        run
    }

    /// Waits until the path has so many entries, the one before the initial state included, and its
    /// last state's diagram is there.
    async fn wait_for_path(&self, entries: usize) -> Result {
        let path = format!(
            "//body[count(//*[contains(@class, 'path-list')]//a)={entries}]\
             //*[name()='svg'][count(.//*[@class='quorate-step'])={}]",
            entries - 1
        );
        self.browser.wait_for(&path).await?;
        Ok(())
    }

    /// How many of these the diagram has, without its legend.
    async fn drawn(&self, what: &str) -> Result<usize> {
        let selector = format!(".quorate-steps .quorate-{what}");
        self.browser.count(&selector).await
    }
}
