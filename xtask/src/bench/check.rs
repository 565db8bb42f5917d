//! One request, and every byte of its answer judged, before anything is counted.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::Duration,
};

use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use super::helpers::{byte_at, client};

trait Both: Read + Write {}

impl<T: Read + Write> Both for T {}

/// A client with one connection, which is kept.
pub(super) struct Client {
    stream: BufReader<Box<dyn Both>>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self
            .fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Fails unless the body is so many bytes of the origin's, from a place on.
    pub(super) fn is_right(&self, status: u16, from: usize, length: usize) -> Result<(), String> {
        if self.status != status {
            return Err(format!("status {} in place of {status}", self.status));
        }
        if self.body.len() != length {
            return Err(format!("{} bytes in place of {length}", self.body.len()));
        }
        let is_wrong = |(place, byte): (usize, &u8)| *byte != byte_at(from + place);
        match self.body.iter().enumerate().any(is_wrong) {
            true => Err("bytes of another body".to_owned()),
            false => Ok(()),
        }
    }
}

impl Client {
    pub(super) fn plain(to: SocketAddr) -> Result<Client, String> {
        Ok(Client {
            stream: BufReader::new(Box::new(connect(to)?)),
        })
    }

    /// Over TLS, trusting the certificate in this file.
    pub(super) fn tls(to: SocketAddr, trust: &PathBuf) -> Result<Client, String> {
        let name = ServerName::try_from(super::HOST).map_err(|error| error.to_string())?;
        let config = client(trust).map_err(|error| error.to_string())?;
        let tls = ClientConnection::new(config, name).map_err(|error| error.to_string())?;
        Ok(Client {
            stream: BufReader::new(Box::new(StreamOwned::new(tls, connect(to)?))),
        })
    }

    /// Asks with these field lines, each with its end.
    pub(super) fn get(&mut self, target: &str, fields: &str) -> Result<Answer, String> {
        self.exchange(target, fields)
            .map_err(|error| format!("{target}: {error}"))
    }

    fn exchange(&mut self, target: &str, fields: &str) -> std::io::Result<Answer> {
        let host = super::HOST;
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut answer = Answer {
            status: status.ok_or_else(|| std::io::Error::other("no status line"))?,
            fields: Vec::new(),
            body: Vec::new(),
        };
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            answer
                .fields
                .push((name.to_owned(), value.trim().to_owned()));
        }
        let length = answer.field("content-length").and_then(|n| n.parse().ok());
        if answer.status != 304 {
            let none = || std::io::Error::other("no Content-Length");
            answer.body.resize(length.ok_or_else(none)?, 0);
            self.stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }
}

fn connect(to: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(to).map_err(|error| error.to_string())?;
    let patience = Some(Duration::from_secs(30));
    stream
        .set_read_timeout(patience)
        .map_err(|error| error.to_string())?;
    stream
        .set_nodelay(true)
        .map_err(|error| error.to_string())?;
    Ok(stream)
}

/// How often the origin was asked.
pub(super) fn asked(origin: u16) -> Result<u64, String> {
    let mut client = Client::plain(([127, 0, 0, 1], origin).into())?;
    let answer = client.get("/count", "")?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    text.parse()
        .map_err(|_| "the origin does not count".to_owned())
}
