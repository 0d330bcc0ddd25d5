//! Transport: what is sent arrives or is lost; whoever is not one of the cluster, or does not speak as one, harms nobody.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use quorate::protocol::ProcessId;
use quorate_node::transport::{
    Connection, Error, Hello, Inboxes, Outbox, Settings, Speaker, Transport, VERSION, bind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::timeout;

type Message = (u64, Vec<u8>);

/// Longer than anything takes that is awaited, shorter than anybody waits.
const PATIENCE: Duration = Duration::from_secs(30);

fn settings() -> Settings {
    Settings {
        frame_max: 1 << 10,
        outbox_max: 1 << 14,
        hello_timeout: Duration::from_millis(500),
        redial_min: Duration::from_millis(1),
        redial_max: Duration::from_millis(20),
        ..Settings::default()
    }
}

fn hello(speaker: Speaker) -> Hello {
    Hello {
        cluster: "test".to_owned(),
        protocol: "pairs".to_owned(),
        speaker,
    }
}

fn node(number: u16) -> Speaker {
    Speaker::Node(ProcessId(number))
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

struct Node {
    transport: Transport,
    messages: Receiver<(ProcessId, Message)>,
    requests: Receiver<(Arc<Outbox>, Message)>,
}

fn start(
    number: u16,
    listener: TcpListener,
    peers: &[(u16, SocketAddr)],
    settings: &Settings,
) -> Node {
    let (to_messages, messages) = channel(1);
    let (to_requests, requests) = channel(1);
    let inboxes = Inboxes {
        messages: to_messages,
        requests: to_requests,
    };
    let peers: BTreeMap<_, _> = peers.iter().map(|(n, a)| (ProcessId(*n), *a)).collect();
    let hello = hello(node(number));
    Node {
        transport: Transport::start(&hello, listener, &peers, settings, inboxes),
        messages,
        requests,
    }
}

/// Node 0, whose only peer is 1, which is the test: it listens nowhere.
async fn alone(settings: &Settings) -> (Node, SocketAddr) {
    let nowhere = any_port();
    let listener = bind(any_port(), false).await.unwrap();
    let address = listener.local_addr().unwrap();
    (start(0, listener, &[(1, nowhere)], settings), address)
}

/// Nodes 0 and 1.
async fn two(settings: &Settings) -> (Node, Node, [SocketAddr; 2]) {
    let listeners = [
        bind(any_port(), false).await.unwrap(),
        bind(any_port(), false).await.unwrap(),
    ];
    let addresses = listeners.each_ref().map(|l| l.local_addr().unwrap());
    let [zero, one] = listeners;
    (
        start(0, zero, &[(1, addresses[1])], settings),
        start(1, one, &[(0, addresses[0])], settings),
        addresses,
    )
}

/// Sends until one arrives: what is sent before there is a connection is lost.
async fn first_to_arrive(
    from: &Transport,
    to: u16,
    receiver: &mut Receiver<(ProcessId, Message)>,
) -> (ProcessId, Message) {
    let arrives = async {
        loop {
            from.send(ProcessId(to), &(0_u64, b"first".to_vec()));
            if let Ok(message) = timeout(Duration::from_millis(5), receiver.recv()).await {
                return message.unwrap();
            }
        }
    };
    timeout(PATIENCE, arrives).await.unwrap()
}

/// Waits until a counter is no more what it was.
async fn until_counted(counter: &AtomicU64) -> u64 {
    let counted = async {
        while counter.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        counter.load(Ordering::Relaxed)
    };
    timeout(PATIENCE, counted).await.unwrap()
}

async fn dial(address: SocketAddr, speaker: Speaker) -> Result<Connection, Error> {
    Connection::dial(address, &hello(speaker), &settings()).await
}

/// What comes by a connection until it is closed.
async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // It may be reset: then what was sent to it was not read.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("it is closed");
    bytes
}

/// The first frame of a node of this version.
fn first_frame(version: u16, hello: &Hello) -> Vec<u8> {
    let body = [
        b"quorate",
        &version.to_le_bytes()[..],
        &postcard::to_stdvec(hello).unwrap(),
    ]
    .concat();
    frame(&body)
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
}

/// That somebody who means well is still understood.
async fn serves(node: &mut Node, address: SocketAddr) {
    let connection = dial(address, Speaker::Client).await.unwrap();
    let outbox = Outbox::new(&settings());
    outbox.put(&(9_u64, vec![9_u8])).unwrap();
    let mut sender = connection.sender;
    let request = tokio::select! {
        request = timeout(PATIENCE, node.requests.recv()) => request.unwrap().unwrap(),
        error = sender.send_all(&outbox) => panic!("{error}"),
    };
    assert_eq!(request.1, (9, vec![9]));
}

#[tokio::test]
async fn messages_arrive_in_order_each_with_who_sent_it() {
    let (zero, mut one, _) = two(&settings()).await;
    first_to_arrive(&zero.transport, 1, &mut one.messages).await;
    for number in 1_u64..=100 {
        zero.transport.send(ProcessId(1), &(number, vec![7_u8; 10]));
    }
    let mut last = 0;
    while last < 100 {
        let (from, (number, _)) = timeout(PATIENCE, one.messages.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(from, ProcessId(0));
        assert!(number == 0 || number == last + 1);
        last = number;
    }
}

#[tokio::test]
async fn a_client_is_answered_by_the_connection_that_it_asks_by() {
    let (mut zero, address) = alone(&settings()).await;
    let Connection {
        hello,
        mut receiver,
        mut sender,
    } = dial(address, Speaker::Client).await.unwrap();
    assert_eq!(hello.speaker, node(0));
    let outbox = Outbox::new(&settings());
    outbox.put(&(1_u64, b"question".to_vec())).unwrap();
    let answer = async {
        let (outbox, request) = zero.requests.recv().await.unwrap();
        assert_eq!(request, (1, b"question".to_vec()));
        outbox.put(&(2_u64, b"answer".to_vec())).unwrap();
        receiver.next::<Message>().await.unwrap().unwrap()
    };
    let response = tokio::select! {
        response = timeout(PATIENCE, answer) => response.unwrap(),
        error = sender.send_all(&outbox) => panic!("{error}"),
    };
    assert_eq!(response, (2, b"answer".to_vec()));
}

#[tokio::test]
async fn a_peer_that_goes_and_comes_back_is_dialled_again() {
    let (mut zero, mut one, [_, address]) = two(&settings()).await;
    first_to_arrive(&zero.transport, 1, &mut one.messages).await;
    drop(one);
    let listener = timeout(PATIENCE, async {
        loop {
            if let Ok(listener) = bind(address, false).await {
                return listener;
            }
            tokio::task::yield_now().await;
        }
    });
    let mut one = start(1, listener.await.unwrap(), &[(0, any_port())], &settings());
    let (from, _) = first_to_arrive(&zero.transport, 1, &mut one.messages).await;
    assert_eq!(from, ProcessId(0));
    assert!(zero.transport.counters().dialled.load(Ordering::Relaxed) >= 2);
    assert!(zero.messages.try_recv().is_err());
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_nothing_grows() {
    let (zero, mut one, _) = two(&settings()).await;
    first_to_arrive(&zero.transport, 1, &mut one.messages).await;
    // Nobody takes anything out of the inbox of 1 any more.
    let counters = zero.transport.counters();
    while counters.dropped.load(Ordering::Relaxed) < 1000 {
        zero.transport.send(ProcessId(1), &(1_u64, vec![0_u8; 900]));
        tokio::task::yield_now().await;
    }
    // When it does, it goes on.
    let before = counters.sent.load(Ordering::Relaxed);
    while counters.sent.load(Ordering::Relaxed) == before {
        timeout(PATIENCE, one.messages.recv()).await.unwrap();
        zero.transport.send(ProcessId(1), &(1_u64, vec![0_u8; 900]));
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_dropped_and_counted() {
    let (zero, mut one, _) = two(&settings()).await;
    first_to_arrive(&zero.transport, 1, &mut one.messages).await;
    let counters = zero.transport.counters();
    let before = counters.dropped.load(Ordering::Relaxed);
    zero.transport
        .send(ProcessId(1), &(1_u64, vec![0_u8; 1100]));
    zero.transport.send(ProcessId(7), &(1_u64, vec![0_u8; 1]));
    assert_eq!(counters.dropped.load(Ordering::Relaxed), before + 2);
    first_to_arrive(&zero.transport, 1, &mut one.messages).await;
}

#[tokio::test]
async fn whoever_is_not_of_the_cluster_is_refused_with_the_reason() {
    let (mut zero, address) = alone(&settings()).await;
    let of_cluster = |cluster: &str| Hello {
        cluster: cluster.to_owned(),
        ..hello(node(1))
    };
    let of_protocol = |protocol: &str| Hello {
        protocol: protocol.to_owned(),
        ..hello(node(1))
    };
    for (hello, expected) in [
        (
            of_cluster("other"),
            "it is of cluster \"other\", not \"test\"",
        ),
        (of_protocol("triples"), "it runs triples, not pairs"),
        (hello(node(2)), "node 2 is none of the peers here"),
        (hello(node(0)), "node 0 is none of the peers here"),
    ] {
        match Connection::dial(address, &hello, &settings()).await {
            Err(Error::Refused { why }) => assert!(why.starts_with(expected), "{why}"),
            other => panic!("{hello:?}: {other:?}"),
        }
    }
    serves(&mut zero, address).await;
}

#[tokio::test]
async fn a_cluster_name_that_is_too_long_is_told_to_who_has_it() {
    let (_zero, address) = alone(&settings()).await;
    let hello = Hello {
        cluster: "x".repeat(5000),
        ..hello(node(1))
    };
    let error = Connection::dial(address, &hello, &settings()).await;
    assert!(matches!(error, Err(Error::TooLong { max: 4096 })));
}

#[tokio::test]
async fn another_version_is_refused_and_told_which_one_there_is() {
    let (mut zero, address) = alone(&settings()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let first = first_frame(VERSION + 1, &hello(node(1)));
    stream.write_all(&first).await.unwrap();
    let answer = read_all(&mut stream).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.contains("it speaks version 3, and this program only 2"),
        "{answer}"
    );
    serves(&mut zero, address).await;
}

#[tokio::test]
async fn whoever_answers_as_somebody_else_is_not_spoken_to() {
    let listener = bind(any_port(), false).await.unwrap();
    let address = listener.local_addr().unwrap();
    // Node 2 is where node 1 should be.
    let mut two = start(2, listener, &[(0, any_port())], &settings());
    let listener = bind(any_port(), false).await.unwrap();
    let zero = start(0, listener, &[(1, address)], &settings());
    let counters = zero.transport.counters();
    for _ in 0..100 {
        zero.transport.send(ProcessId(1), &(1_u64, vec![0_u8; 1]));
        let nothing = timeout(Duration::from_millis(1), two.messages.recv()).await;
        assert!(nothing.is_err());
    }
    assert_eq!(counters.sent.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn whoever_speaks_something_else_or_nothing_is_closed() {
    let (mut zero, address) = alone(&settings()).await;
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        &frame(b"quorat"),
        &frame(b"quorate"),
        &frame(&[]),
        &[0, 0],
        &[],
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        read_all(&mut stream).await;
    }
    let refused = zero.transport.counters().refused.load(Ordering::Relaxed);
    assert_eq!(refused, 6);
    serves(&mut zero, address).await;
}

#[tokio::test]
async fn a_bad_frame_closes_the_connection_that_it_came_by_and_nothing_else() {
    let (mut zero, address) = alone(&settings()).await;
    let good = frame(&postcard::to_stdvec(&(1_u64, vec![1_u8])).unwrap());
    let message = postcard::to_stdvec(&(1_u64, vec![1_u8; 3])).unwrap();
    let trailing = [&message[..], &[0]].concat();
    let huge_inside = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    for bad in [
        frame(&message[..2]),
        frame(&trailing),
        frame(&huge_inside),
        u32::MAX.to_le_bytes().to_vec(),
        1025_u32.to_le_bytes().to_vec(),
    ] {
        let mut other = dial(address, node(1)).await.unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let first = first_frame(VERSION, &hello(node(1)));
        stream
            .write_all(&[&first, &good[..], &bad].concat())
            .await
            .unwrap();
        let good = timeout(PATIENCE, zero.messages.recv()).await.unwrap();
        assert_eq!(good, Some((ProcessId(1), (1, vec![1]))));
        read_all(&mut stream).await;
        assert!(zero.messages.try_recv().is_err());
        // The other connection of the same node is there as before.
        let outbox = Outbox::new(&settings());
        outbox.put(&(2_u64, vec![2_u8])).unwrap();
        let message = tokio::select! {
            message = timeout(PATIENCE, zero.messages.recv()) => message.unwrap(),
            error = other.sender.send_all(&outbox) => panic!("{error}"),
        };
        assert_eq!(message, Some((ProcessId(1), (2, vec![2]))));
    }
    assert_eq!(until_counted(&zero.transport.counters().refused).await, 5);
}

#[tokio::test]
async fn there_are_so_many_connections_and_no_more() {
    let settings = Settings {
        connections_max: 2,
        ..settings()
    };
    let (zero, address) = alone(&settings).await;
    let first = dial(address, Speaker::Client).await.unwrap();
    let _second = dial(address, Speaker::Client).await.unwrap();
    let third = dial(address, Speaker::Client).await;
    assert!(matches!(third, Err(Error::Closed | Error::Network(_))));
    assert_eq!(until_counted(&zero.transport.counters().refused).await, 1);
    // When one goes there is room again.
    drop(first);
    timeout(PATIENCE, async {
        while dial(address, Speaker::Client).await.is_err() {}
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn who_is_down_closes_its_connections() {
    let (zero, address) = alone(&settings()).await;
    let mut connection = dial(address, Speaker::Client).await.unwrap();
    drop(zero);
    let end = timeout(PATIENCE, connection.receiver.next::<Message>()).await;
    assert!(matches!(end, Ok(Ok(None) | Err(Error::Network(_)))));
}

#[tokio::test]
async fn only_this_machine_is_listened_to_unless_others_are_allowed() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = bind(everywhere, false).await.unwrap_err().to_string();
    assert!(
        error.starts_with("0.0.0.0:0 can be reached from other machines"),
        "{error}"
    );
    assert!(bind(everywhere, true).await.is_ok());
    let loopback_of_version_6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0));
    assert!(!matches!(
        bind(loopback_of_version_6, false).await,
        Err(Error::NotLoopback { .. })
    ));
}

#[tokio::test]
async fn the_bytes_on_the_wire_are_those_of_version_2() {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let dial = tokio::spawn(dial(address, node(1)));
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut first = [0; 26];
    stream.read_exact(&mut first).await.unwrap();
    let expected = b"\x16\0\0\0quorate\x02\0\x04test\x05pairs\0\x01";
    assert_eq!(first, *expected);
    // The answer: "Ok", and node 0.
    stream
        .write_all(b"\x17\0\0\0quorate\x02\0\0\x04test\x05pairs\0\0")
        .await
        .unwrap();
    let connection = dial.await.unwrap().unwrap();
    assert_eq!(connection.hello, hello(node(0)));
    let outbox = Outbox::new(&settings());
    outbox.put(&(300_u64, vec![1_u8, 2])).unwrap();
    let mut message = [0; 9];
    let mut sender = connection.sender;
    tokio::select! {
        read = stream.read_exact(&mut message) => { read.unwrap(); }
        error = sender.send_all(&outbox) => panic!("{error}"),
    }
    assert_eq!(message, *b"\x05\0\0\0\xac\x02\x02\x01\x02");
}

/// What somebody may send who does not know better, or does: a first frame or none, then frames or none, each with its right
/// length or not.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let hello = prop_oneof![
        Just(first_frame(VERSION, &hello(node(1)))),
        Just(first_frame(VERSION, &hello(Speaker::Client))),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    let bytes = proptest::collection::vec(any::<u8>(), 0..40);
    let part = (bytes, any::<bool>()).prop_map(|(bytes, is_framed)| match is_framed {
        true => frame(&bytes),
        false => bytes,
    });
    let parts = proptest::collection::vec(part, 0..4);
    (hello, parts).prop_map(|(hello, parts)| [hello, parts.concat()].concat())
}

#[test]
fn whatever_bytes_come_a_node_goes_on_serving() {
    let runtime = Runtime::new().unwrap();
    let (zero, address) = runtime.block_on(alone(&settings()));
    let zero = Mutex::new(zero);
    proptest!(ProptestConfig::with_cases(500), |(bytes in anything())| {
        runtime.block_on(async {
            let zero = &mut *zero.lock().await;
            let mut stream = TcpStream::connect(address).await.unwrap();
            // It may be closed while it is being written to.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            // What is understood is a message or a request like any other.
            let drain = async {
                loop {
                    tokio::select! {
                        message = zero.messages.recv() => assert!(message.is_some()),
                        request = zero.requests.recv() => assert!(request.is_some()),
                    }
                }
            };
            tokio::select! {
                _ = read_all(&mut stream) => {}
                () = drain => {}
            }
            while zero.messages.try_recv().is_ok() || zero.requests.try_recv().is_ok() {}
            serves(zero, address).await;
        });
    });
}
