//! x
fn main() {
    let mut args = std::env::args().skip(1);
    let server = harness::Server::build(args.next().unwrap())
        .arg("{listen}")
        .start()
        .unwrap();
    let mut client = server.connect_from(57464).unwrap();
    for n in 1..=2 {
        client.exchange(&format!("{n}\n")).unwrap();
    }
    client.close();
    let t = server.stop().unwrap();
    println!("{t}");
}
