//! Two hosts and what stands between them: three private networks.
//!
//! Each host has an interface `eth0`. Its peer is in the third network, the middle, where nobody has
//! an address: only the relay's packet sockets are there.
#![allow(
    unsafe_code,
    reason = "an interface's index (SIOCGIFINDEX), which stands alone below"
)]

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use nix::libc;
use socket2::Socket;

use super::netlink::{self, Mac, Plug};
use crate::observe::namespace::{interface_ioctl, named, switch_off};
use crate::observe::packets::{PACKET_SOCKET, close_unawaited};
use crate::observe::sandbox::{Refused, Sandbox, SocketKind};
use crate::wire::{Wire, addresses};
use timeline::{Both, Side};

/// The client's host and the server's, for as long as this lives.
pub(crate) struct Hosts {
    pub client: Arc<Sandbox>,
    pub server: Arc<Sandbox>,
    _middle: Arc<Sandbox>,
}

/// Where the relay stands.
pub(crate) struct Ends {
    /// What each host is behind.
    pub packets: Both<Tap>,
    /// Asks for TCP's view of the sockets of each host.
    pub sockets: Both<Socket>,
}

/// A packet socket in the middle, and the interface there whose peer is a host's.
pub(crate) struct Tap {
    pub socket: Socket,
    pub interface: u32,
}

/// Why there is no wire.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoWire {
    /// There are no private networks.
    #[error("{0}")]
    Network(Refused),
    /// This congestion control is not there, or not for everybody.
    #[error("choosing the congestion control {0} failed")]
    Congestion(String),
    /// There are, but this could not be made.
    #[error("making {0} failed: {1}")]
    Wire(&'static str, io::Error),
}

/// The hardware address of both ends in the middle, to which nobody sends.
const RELAY: Mac = [2, 0, 0, 0, 0, 0xff];

/// The interface of a host.
const INTERFACE: &str = "eth0";

/// A locally administered hardware address that ends as the host's addresses do.
fn mac(side: Side) -> Mac {
    [2, 0, 0, 0, 0, addresses(side).0.octets()[3]]
}

impl Hosts {
    /// Makes the hosts, and a place for the relay. They share a user namespace, so that whoever owns one owns all.
    pub fn open(wire: &Wire) -> Result<(Hosts, Ends), NoWire> {
        let refused = |refused: Refused| match refused.is_congestion() {
            true => NoWire::Congestion(wire.congestion_control().to_owned()),
            false => NoWire::Network(refused),
        };
        let open = |beside| {
            let host = Sandbox::make(beside, Some(wire.congestion_control()));
            host.map(Arc::new).map_err(refused)
        };
        let server = open(None)?;
        let client = open(Some(&server))?;
        let middle = open(Some(&server))?;
        let ends = Ends {
            packets: Both {
                client: plug(Side::Client, &client, &middle, wire)?,
                server: plug(Side::Server, &server, &middle, wire)?,
            },
            sockets: Both {
                client: ask(&client)?,
                server: ask(&server)?,
            },
        };
        let hosts = Hosts {
            client,
            server,
            _middle: middle,
        };
        Ok((hosts, ends))
    }

    /// Lets the client's host send over the wire what is for a loopback address of the server's, and takes it in there:
    /// `route_localnet` of the kernel's ip-sysctl. The client's own loopback interface gives the address up.
    pub fn carry(&self, address: Ipv4Addr) -> io::Result<()> {
        for host in [&self.client, &self.server] {
            host.set("net.ipv4.conf.eth0.route_localnet", "1")?;
        }
        let control = self.client.socket(UDP)?;
        let index = interface_index(&control, INTERFACE)?;
        let lo = interface_index(&control, "lo")?;
        let socket = self.client.socket(netlink::ROUTE)?;
        match netlink::set_address(&socket, lo, (Ipv4Addr::LOCALHOST.into(), 8), false) {
            // The client's loopback interface has given the address up already, for another address of the server's.
            Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {}
            given_up => given_up?,
        }
        netlink::add_neighbour(&socket, index, address.into(), mac(Side::Server))?;
        netlink::add_route(&socket, index, address)
    }

    pub fn of(&self, side: Side) -> &Arc<Sandbox> {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

/// True if two hosts and a wire can be made here; what stands in the way if not.
pub(crate) fn try_out() -> Result<(), NoWire> {
    let (_hosts, ends) = Hosts::open(&Wire::new())?;
    close_unawaited(ends);
    Ok(())
}

fn ask(host: &Sandbox) -> Result<Socket, NoWire> {
    socket(host, netlink::SOCK_DIAG, "a socket that asks for sockets (sock_diag)")
}

fn socket(host: &Sandbox, kind: SocketKind, what: &'static str) -> Result<Socket, NoWire> {
    host.socket(kind).map_err(|error| NoWire::Wire(what, error))
}

/// An interface of a network, and the sockets to configure it with.
struct Interface {
    route: Socket,
    index: u32,
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> NoWire {
    move |error| NoWire::Wire(what, error)
}

impl Interface {
    /// Finds an interface and takes from it what a network card would do: checksums are computed in
    /// software and checked, and no segment is longer than the wire takes.
    fn whole(network: &Sandbox, name: &str) -> Result<Interface, NoWire> {
        let control = socket(network, UDP, "a socket")?;
        let off = switch_off(&control, name, &[TX_CHECKSUM, SCATTER_GATHER, TSO, GSO, GRO]);
        let index = off
            .map_err(io::Error::from)
            .and_then(|()| interface_index(&control, name));
        Ok(Interface {
            route: route(network)?,
            index: index.map_err(failed("an interface without offloads"))?,
        })
    }

    /// Gives it a host's addresses, and says where the other host's are.
    fn give_addresses(&self, side: Side) -> Result<(), NoWire> {
        let ((v4, v6), (peer_v4, peer_v6)) = (addresses(side), addresses(side.peer()));
        let give = |mine: IpAddr, prefix, theirs: IpAddr| {
            netlink::set_address(&self.route, self.index, (mine, prefix), true)?;
            netlink::add_neighbour(&self.route, self.index, theirs, mac(side.peer()))
        };
        give(v4.into(), 24, peer_v4.into()).map_err(failed("an address"))?;
        // There may be no IPv6, or the packets may be too small for it: then there is IPv4 alone.
        let _ = give(v6.into(), 64, peer_v6.into());
        Ok(())
    }
}

fn route(network: &Sandbox) -> Result<Socket, NoWire> {
    socket(
        network,
        netlink::ROUTE,
        "a socket that configures a network (rtnetlink)",
    )
}

/// Any socket of IP will do, to name interfaces to: netdevice(7).
pub(crate) const UDP: SocketKind = SocketKind {
    domain: libc::AF_INET,
    kind: libc::SOCK_DGRAM,
    protocol: 0,
};

/// Connects a host with the middle. The middle's end.
fn plug(side: Side, host: &Sandbox, middle: &Sandbox, wire: &Wire) -> Result<Tap, NoWire> {
    let name = side.to_string();
    let ours = Plug {
        name: &name,
        mac: RELAY,
    };
    let theirs = Plug {
        name: INTERFACE,
        mac: mac(side),
    };
    let made = netlink::make_pair(&route(middle)?, wire.largest(), ours, theirs, host.network());
    made.map_err(failed("a pair of virtual Ethernet interfaces (veth)"))?;
    let (inside, outside) = (Interface::whole(host, INTERFACE)?, Interface::whole(middle, &name)?);
    // The interface that is started first has nobody at its other end. Its queue drops what is sent until a worker of
    // the kernel (linkwatch) has seen that there is somebody now. So the one that starts first is the relay's, whose
    // sockets pass by the queue.
    for end in [&outside, &inside] {
        netlink::start(&end.route, end.index).map_err(failed("an interface that is up"))?;
    }
    inside.give_addresses(side)?;
    Ok(Tap {
        socket: socket(middle, PACKET_SOCKET, "a packet socket")?,
        interface: outside.index,
    })
}

/// Commands of linux/ethtool.h: ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO.
const TX_CHECKSUM: u32 = 0x17;
const SCATTER_GATHER: u32 = 0x19;
const TSO: u32 = 0x1f;
const GSO: u32 = 0x24;
const GRO: u32 = 0x2c;

fn interface_index(socket: &Socket, name: &str) -> io::Result<u32> {
    let mut request = named(name);
    interface_ioctl(socket, libc::SIOCGIFINDEX, &mut request)?;
    // SAFETY: netdevice(7): SIOCGIFINDEX has filled in this member of the union.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex }.cast_unsigned())
}
