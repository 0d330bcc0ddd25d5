//! One connection, from its first frame on.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use tokio_util::codec::length_delimited::LengthDelimitedCodecError;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use super::hello::{Answer, HELLO_MAX, first, read};
use super::{Error, Hello, Outbox, Settings, frame};

/// A connection, by which both sides have said who they are.
#[derive(Debug)]
pub struct Connection {
    /// Who the other side is.
    pub hello: Hello,
    /// What comes from it.
    pub receiver: Receiver,
    /// What goes to it.
    pub sender: Sender,
}

/// The end by which frames come.
#[derive(Debug)]
pub struct Receiver(FramedRead<OwnedReadHalf, LengthDelimitedCodec>);

/// The end by which frames go.
#[derive(Debug)]
pub struct Sender(OwnedWriteHalf);

impl Connection {
    /// Dials, and says who dials.
    ///
    /// # Errors
    ///
    /// If nobody answers, or not as one of the same cluster.
    pub async fn dial(
        address: SocketAddr,
        hello: &Hello,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let dial = async {
            let stream = TcpStream::connect(address).await?;
            let (mut receiver, mut sender) = ends(stream, settings)?;
            sender.0.write_all(&first(hello)?).await?;
            let answer = receiver.frame().await?.ok_or(Error::Closed)?;
            let found = read::<Answer>(&answer)?.map_err(|why| Error::Refused { why })?;
            hello.check(&found)?;
            Ok(Self::new(found, (receiver, sender), settings))
        };
        within(settings.hello_timeout, dial).await
    }

    /// Answers whoever has dialled, unless `check` refuses it.
    pub(super) async fn answer(
        stream: TcpStream,
        hello: &Hello,
        settings: &Settings,
        check: impl Fn(&Hello) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let answer = async {
            let (mut receiver, mut sender) = ends(stream, settings)?;
            let frame = receiver.frame().await?.ok_or(Error::Closed)?;
            let found = read::<Hello>(&frame).and_then(|found| {
                hello.check(&found)?;
                check(&found)?;
                Ok(found)
            });
            let answer: Answer = match &found {
                Ok(_) => Ok(hello.clone()),
                Err(error) => Err(error.to_string()),
            };
            sender.0.write_all(&first(&answer)?).await?;
            Ok(Self::new(found?, (receiver, sender), settings))
        };
        within(settings.hello_timeout, answer).await
    }

    fn new(hello: Hello, (mut receiver, sender): (Receiver, Sender), settings: &Settings) -> Self {
        let decoder = receiver.0.decoder_mut();
        decoder.set_max_frame_length(settings.frame_max);
        Self {
            hello,
            receiver,
            sender,
        }
    }
}

impl Receiver {
    /// The next that comes; nothing once the other side has ended.
    ///
    /// # Errors
    ///
    /// If it is not what was expected, or the connection breaks: there is nothing more to come.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        let frame = self.frame().await?;
        frame.map(|frame| frame::decode(&frame)).transpose()
    }

    async fn frame(&mut self) -> Result<Option<bytes::BytesMut>, Error> {
        let frame = self.0.next().await.transpose();
        frame.map_err(|error| match error.get_ref() {
            Some(inner) if inner.is::<LengthDelimitedCodecError>() => Error::TooLong {
                max: self.0.decoder().max_frame_length(),
            },
            _ => Error::Network(error),
        })
    }
}

impl Sender {
    /// Sends all that is put into the outbox, until the connection breaks.
    ///
    /// # Errors
    ///
    /// When it does.
    pub async fn send_all(&mut self, outbox: &Outbox) -> Error {
        let mut frames = Vec::new();
        loop {
            frames = outbox.take(frames).await;
            if let Err(error) = self.0.write_all(&frames).await {
                return Error::Network(error);
            }
        }
    }
}

/// Both ends of a stream. So long as there was no [`Hello`], little is read.
fn ends(stream: TcpStream, settings: &Settings) -> Result<(Receiver, Sender), Error> {
    // Frames are written many at a time.
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(settings.stall_timeout)
        .with_interval(settings.stall_timeout);
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&keepalive)?;
    // Else a connection that was cut for long is repaired late: each time that something is sent again, it waits twice as
    // long for an answer.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(settings.stall_timeout))?;
    let (read, write) = stream.into_split();
    let receiver = FramedRead::new(read, frame::codec(HELLO_MAX));
    Ok((Receiver(receiver), Sender(write)))
}

async fn within<T>(
    time: Duration,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(time, future).await.unwrap_or(Err(Error::Silent))
}
