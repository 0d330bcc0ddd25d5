//! Stateright's Explorer on our models, in a real browser.
//!
//! Without Chromium and its driver these tests are ignored, but fail where the environment variable `CI` is
//! set. Each leaves a picture of what it saw in the target directory, under `explorer`.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use libtest_mimic::{Arguments, Trial};
use quorate::two_phase_commit::{Published, TwoPhaseCommit};
use quorate_models::checker::{Condition, Options, Property, Run, explore};
use quorate_models::explorer::{Site, address_of_run};
use quorate_models::system::{Disk, SystemState};
use quorate_models::two_phase_commit::application::Clients;
use quorate_models::two_phase_commit::parameters::{Parameters, instances};
use quorate_models::two_phase_commit::{self, Model};
use serde_json::json;
use stateright::Model as _;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;
type TheModel = Model<TwoPhaseCommit<Published>>;
type TheState = SystemState<TwoPhaseCommit<Published>, Clients>;

/// How long the page may take for anything: much longer than it needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How wide the window is, in pixels.
const WIDTH: u32 = 1600;

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
    let trial = |name, instance, test| {
        let tools = tools.cloned();
        Trial::test(name, move || {
            let tools = tools.ok_or("there is no browser")?;
            in_browser(&tools, name, &parameters(instance), test).map_err(|e| e.to_string().into())
        })
    };
    vec![
        trial("the_page_lists_the_properties", "default", |page| {
            Box::pin(lists_properties(page))
        }),
        trial("a_click_takes_a_step_and_draws_it", "default", |page| {
            Box::pin(a_click_takes_a_step(page))
        }),
        trial(
            "only_what_changes_something_is_offered",
            "buffered-disk",
            |page| Box::pin(nothing_is_ignored(page)),
        ),
        trial(
            "a_runs_address_opens_it_with_its_crash",
            "default",
            |page| Box::pin(opens_a_run(page)),
        ),
        trial("every_kind_of_event_is_drawn", "fifo", |page| {
            Box::pin(draws_every_event(page))
        }),
        trial("running_to_completion_finishes", "small", |page| {
            Box::pin(runs_to_completion(page))
        }),
    ]
}

type Test = for<'a> fn(&'a Page) -> std::pin::Pin<Box<dyn Future<Output = Result> + 'a>>;

async fn lists_properties(page: &Page) -> Result {
    page.open("").await?;
    let names: Vec<&str> = page.model.properties.iter().map(|p| p.name).collect();
    page.see(&format!("Always {}", names[0])).await?;
    assert_eq!(page.client.title().await?, "Stateright Explorer");
    let text = page.text("body").await?;
    for name in names {
        assert!(text.contains(name), "{name:?} is listed: {text}");
    }
    assert!(
        text.contains("System<TwoPhaseCommit"),
        "the model is named: {text}"
    );
    Ok(())
}

async fn a_click_takes_a_step(page: &Page) -> Result {
    page.open("").await?;
    page.click("Init 0").await?;
    page.wait_for_path(2).await?;
    page.click("the application asks coordinator to Begin")
        .await?;
    page.wait_for_path(3).await?;
    let address = page.client.current_url().await?;
    assert_eq!(address.fragment(), Some("/steps/0/0"));
    assert_eq!(page.texts(".quorate-diagram .quorate-name").await?, {
        let mut lanes = vec!["application".to_owned()];
        lanes.extend(page.model.names());
        lanes
    });
    assert_eq!(page.count(".quorate-steps .quorate-request-head").await?, 1);
    Ok(())
}

async fn nothing_is_ignored(page: &Page) -> Result {
    page.open("#/steps/0/0").await?;
    page.wait_for_path(3).await?;
    assert!(page.count("a[href^='#/steps/0/0/']").await? > 0);
    assert_eq!(page.count("a.is-ignored").await?, 0);
    Ok(())
}

async fn opens_a_run(page: &Page) -> Result {
    let run = page.run(|_, state| state.crashes == 1 && state.down() == 0 && commits(state) == 4);
    page.open_run(&run).await?;
    assert_eq!(page.count(".quorate-steps .quorate-crash").await?, 1);
    assert_eq!(page.count(".quorate-steps .quorate-recovery").await?, 1);
    assert_eq!(
        page.count(".quorate-steps .quorate-step").await?,
        run.steps.len() + 1
    );
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
        let drawn = page
            .count(&format!(".quorate-steps .quorate-{event}"))
            .await?;
        assert!(drawn > 0, "a {event} is drawn");
    }
    Ok(())
}

async fn runs_to_completion(page: &Page) -> Result {
    page.open("").await?;
    let button = Locator::XPath("//button[.='Run to completion']");
    page.client
        .wait()
        .for_element(button)
        .await?
        .click()
        .await?;
    page.see("Done").await?;
    page.see("Safety holds").await?;
    Ok(())
}

fn parameters(instance: &str) -> Parameters {
    let instances = instances().into_iter();
    let found = instances
        .filter(|i| i.name == instance)
        .map(|i| i.parameters);
    let mut parameters = found.last().expect("a named instance");
    if instance == "fifo" {
        parameters.environment.disk = Disk::Buffered;
    }
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

/// Serves the model, opens a browser, and takes a picture when the test is over.
fn in_browser(tools: &Tools, name: &str, parameters: &Parameters, test: Test) -> Result {
    let site = Site::claim("127.0.0.1:0")?;
    let served = model(parameters);
    std::thread::spawn(move || site.serve(served));
    let driver = Driver::start(&tools.driver)?;
    let profile = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let page = Page {
        client: runtime.block_on(connect(&driver, &tools.browser, profile.path()))?,
        site,
        model: model(parameters),
    };
    // The browser ends with its session: also when the test fails.
    let tested = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(&page))));
    runtime.block_on(page.picture(name))?;
    runtime.block_on(page.client.close())?;
    tested.unwrap_or_else(|panic| resume_unwind(panic))
}

async fn connect(driver: &Driver, browser: &Path, profile: &Path) -> Result<Client> {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ];
    let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
    arguments.push(format!("--window-size={WIDTH},1200"));
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let capabilities = json!({
        "goog:chromeOptions": { "args": arguments, "binary": browser },
    });
    let capabilities = capabilities.as_object().expect("an object").clone();
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities);
    Ok(builder.connect(&driver.url).await?)
}

/// The browser and its driver.
#[derive(Clone)]
struct Tools {
    browser: PathBuf,
    driver: PathBuf,
}

impl Tools {
    /// Finds them, or returns what is missing.
    fn find() -> std::result::Result<Self, &'static str> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let find = |name: &str| {
            let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(name));
            candidates.find(|candidate| candidate.is_file())
        };
        Ok(Self {
            browser: find("chromium").ok_or("chromium")?,
            driver: find("chromedriver").ok_or("chromedriver")?,
        })
    }
}

/// A running driver; it ends with the value.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    fn start(program: &Path) -> Result<Self> {
        let mut process = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().ok_or("the driver has an output")?;
        let mut driver = Self {
            process,
            url: String::new(),
        };
        for line in BufReader::new(output).lines() {
            if let Some((_, port)) = line?.split_once("started successfully on port ") {
                driver.url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Ok(driver);
            }
        }
        Err("the driver ended before it was ready".into())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Explorer in a browser.
struct Page {
    client: Client,
    site: Site,
    model: TheModel,
}

impl Page {
    async fn open(&self, fragment: &str) -> Result {
        Ok(self
            .client
            .goto(&format!("{}{fragment}", self.site.url()))
            .await?)
    }

    /// Opens a run under its own address, and waits until all of it is there.
    async fn open_run(&self, run: &Run<TheModel>) -> Result {
        let address = address_of_run(&self.site.host_and_port(), &self.model, run);
        self.client.goto(&address).await?;
        self.wait_for_path(run.steps.len() + 2).await
    }

    /// A shortest run to a state.
    fn run(&self, to: fn(&TheModel, &TheState) -> bool) -> Run<TheModel> {
        let property = Property::holds("the end", Condition::Sometimes(to));
        let options = Options {
            stop_at: Some("the end"),
            ..Options::default()
        };
        let exploration = explore(&self.model, &[property], &options);
        let verdict = exploration.verdicts.into_iter().next();
        verdict.and_then(|v| v.witness).expect("such a run exists")
    }

    /// The run that takes these steps.
    fn follow(&self, sentences: &[&str]) -> Run<TheModel> {
        let initial = self.model.init_states().remove(0);
        let mut run = Run {
            initial,
            steps: Vec::new(),
        };
        for sentence in sentences {
            let steps = self.model.next_steps(run.last());
            let mut actions = steps.iter().map(|(action, _)| self.model.sentence(action));
            let index = actions
                .position(|action| action == *sentence)
                .unwrap_or_else(|| {
                    let offered: Vec<_> =
                        steps.iter().map(|(a, _)| self.model.sentence(a)).collect();
                    panic!("{sentence:?} is among {offered:#?}")
                });
            run.steps.extend(steps.into_iter().nth(index));
        }
        run
    }

    /// Waits until the page has this text somewhere.
    async fn see(&self, text: &str) -> Result {
        let anywhere = format!("//body//*[contains(normalize-space(.), \"{text}\")]");
        let wait = self.client.wait().at_most(PATIENCE);
        wait.for_element(Locator::XPath(&anywhere)).await?;
        Ok(())
    }

    /// Waits for a link of this text and clicks it.
    async fn click(&self, link: &str) -> Result {
        let wait = self.client.wait().at_most(PATIENCE);
        let link = format!("//a[normalize-space(.)=\"{link}\"]");
        Ok(wait
            .for_element(Locator::XPath(&link))
            .await?
            .click()
            .await?)
    }

    /// Waits until the path has so many entries, the one before the initial state included, and its
    /// last state's diagram is there.
    async fn wait_for_path(&self, entries: usize) -> Result {
        let path = format!(
            "//body[count(//*[contains(@class, 'path-list')]//a)={entries}]\
             //*[name()='svg'][count(.//*[@class='quorate-step'])={}]",
            entries - 1
        );
        let wait = self.client.wait().at_most(PATIENCE);
        wait.for_element(Locator::XPath(&path)).await?;
        Ok(())
    }

    async fn count(&self, selector: &str) -> Result<usize> {
        Ok(self.client.find_all(Locator::Css(selector)).await?.len())
    }

    async fn text(&self, selector: &str) -> Result<String> {
        Ok(self
            .client
            .find(Locator::Css(selector))
            .await?
            .text()
            .await?)
    }

    async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for element in self.client.find_all(Locator::Css(selector)).await? {
            texts.push(element.text().await?);
        }
        Ok(texts)
    }

    /// Leaves a picture of the page for people.
    async fn picture(&self, name: &str) -> Result {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("explorer");
        std::fs::create_dir_all(&target)?;
        let height = "return document.documentElement.scrollHeight";
        let height = self.client.execute(height, Vec::new()).await?;
        let height = u32::try_from(height.as_u64().ok_or("a height")?)?;
        self.client
            .set_window_size(WIDTH, height.max(1000) + 150)
            .await?;
        let picture = self.client.screenshot().await?;
        Ok(std::fs::write(target.join(format!("{name}.png")), picture)?)
    }
}
