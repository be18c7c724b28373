use std::net::Ipv4Addr;

use oxhttp::Server;
use oxhttp::model::{Response, Status};

fn main() -> std::io::Result<()> {
    Server::new(|_| Response::builder(Status::OK).with_body("hello\n"))
        .bind((Ipv4Addr::LOCALHOST, 3000))
        .spawn()?
        .join()
}
