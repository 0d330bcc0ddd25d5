//! A file that is only appended to: one sync for all that has come meanwhile.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

/// What is called when bytes are durable.
type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// The file, and the thread that writes it.
#[derive(Clone)]
pub struct BareFile(mpsc::Sender<(Vec<u8>, Done)>);

impl BareFile {
    /// A new one.
    pub fn new(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        let (sender, receiver) = mpsc::channel::<(Vec<u8>, Done)>();
        thread::spawn(move || {
            while let Ok((mut bytes, done)) = receiver.recv() {
                let mut waiting = vec![done];
                for (more, done) in receiver.try_iter() {
                    bytes.extend(more);
                    waiting.push(done);
                }
                let written = file.write_all(&bytes).and_then(|()| file.sync_data());
                let failed = written.err().map(|error| error.to_string());
                for done in waiting {
                    done(match &failed {
                        None => Ok(()),
                        Some(why) => Err(io::Error::other(why.clone())),
                    });
                }
            }
        });
        Ok(Self(sender))
    }

    /// Has bytes written.
    pub fn write(&self, bytes: Vec<u8>, done: impl FnOnce(io::Result<()>) + Send + 'static) {
        let sent = self.0.send((bytes, Box::new(done)));
        sent.expect("the thread goes on as long as it is asked");
    }
}
