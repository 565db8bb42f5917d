//! A loop over epoll(7) that reads requests and writes responses: one thread, a read and a write for
//! each request, nothing else.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice, Read, Write},
    net::{TcpListener, TcpStream},
    rc::Rc,
};

use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
};

/// Bytes of a response that are to be sent, shared by all who send them.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Rc<[u8]>,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Piece {
    pub(super) fn whole(bytes: Rc<[u8]>) -> Piece {
        let to = bytes.len();
        Piece { bytes, from: 0, to }
    }

    fn left(&self) -> &[u8] {
        &self.bytes[self.from..self.to]
    }
}

pub(super) trait Respond {
    /// Answers a request, of which this is the head.
    fn respond(&mut self, request: &[u8], out: &mut VecDeque<Piece>);
}

/// What a request asks for.
pub(super) fn target_of(request: &[u8]) -> &[u8] {
    request
        .split(|byte| *byte == b' ')
        .nth(1)
        .unwrap_or_default()
}

const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    output: VecDeque<Piece>,
    /// Whether it waits until more can be sent.
    waits: bool,
}

/// Serves until the process ends. Says which port it has, if it may be any (0).
pub(super) fn run(port: u16, mut responder: impl Respond) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    if port == 0 {
        println!("{}", listener.local_addr()?.port());
    }
    listener.set_nonblocking(true)?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    let listens = EventData::new_u64(LISTENER);
    epoll::add(&poll, &listener, listens, EventFlags::IN)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free = Vec::new();
    let mut events: Vec<Event> = Vec::with_capacity(256);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        events.clear();
        match epoll::wait(&poll, spare_capacity(&mut events), None) {
            // A signal came between.
            Err(Errno::INTR) => continue,
            waited => waited?,
        };
        for event in &events {
            let token = event.data.u64();
            if token == LISTENER {
                accept(&listener, &poll, &mut connections, &mut free)?;
                continue;
            }
            let Some(place) = connections.get_mut(token as usize) else {
                continue;
            };
            let Some(connection) = place else { continue };
            let served = serve(connection, &poll, token, &mut buffer, &mut responder);
            if !matches!(served, Ok(true)) {
                *place = None;
                free.push(token as usize);
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &OwnedFd,
    connections: &mut Vec<Option<Connection>>,
    free: &mut Vec<usize>,
) -> io::Result<()> {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let token = free.pop().unwrap_or_else(|| {
            connections.push(None);
            connections.len() - 1
        });
        epoll::add(
            poll,
            &stream,
            EventData::new_u64(token as u64),
            EventFlags::IN,
        )?;
        connections[token] = Some(Connection {
            stream,
            input: Vec::new(),
            output: VecDeque::new(),
            waits: false,
        });
    }
    Ok(())
}

/// Reads once and answers what has come. Returns whether the connection goes on.
fn serve(
    connection: &mut Connection,
    poll: &OwnedFd,
    token: u64,
    buffer: &mut [u8],
    responder: &mut impl Respond,
) -> io::Result<bool> {
    if !connection.waits {
        let read = match connection.stream.read(buffer) {
            Ok(0) => return Ok(false),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        };
        connection.input.extend_from_slice(&buffer[..read]);
        answer(connection, responder);
    }
    let sent = send(connection)?;
    if sent == connection.waits {
        connection.waits = !sent;
        let flags = if sent {
            EventFlags::IN
        } else {
            EventFlags::OUT
        };
        epoll::modify(poll, &connection.stream, EventData::new_u64(token), flags)?;
    }
    Ok(true)
}

/// All requests that are there whole. They have no bodies.
fn answer(connection: &mut Connection, responder: &mut impl Respond) {
    let mut done = 0;
    while let Some(rest) = connection.input.get(done..)
        && let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n")
    {
        responder.respond(&rest[..end + 4], &mut connection.output);
        done += end + 4;
    }
    connection.input.drain(..done);
}

/// Sends what can be sent. Returns whether that was all.
fn send(connection: &mut Connection) -> io::Result<bool> {
    while let Some(first) = connection.output.front() {
        let written = match connection.output.len() {
            // What the kernel does in less time than a row of one.
            1 => connection.stream.write(first.left()),
            _ => {
                let pieces = connection.output.iter().take(64);
                let slices: Vec<IoSlice> = pieces.map(|it| IoSlice::new(it.left())).collect();
                connection.stream.write_vectored(&slices)
            }
        };
        let mut sent = match written {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        while let Some(piece) = connection.output.front_mut() {
            let now = sent.min(piece.to - piece.from);
            piece.from += now;
            sent -= now;
            if piece.from < piece.to {
                break;
            }
            connection.output.pop_front();
        }
    }
    Ok(true)
}
