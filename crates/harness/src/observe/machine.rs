//! What this machine allows, and what to do about what it does not.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::{Pid, geteuid};
use socket2::Socket;

use super::net::hosts::{self, NoWire};
use super::packets::{PACKET_SOCKET, close_unawaited};
use super::sandbox::{Sandbox, SocketKind};
use crate::machine::{Machine, Refusal};
use timeline::Level;

impl Machine {
    /// Looks at the machine: traces a process, makes a private network, and throws both away.
    pub fn look() -> Machine {
        let no_trace = match no_proc() {
            Some(reason) => Some(Refusal {
                reason,
                cure: "mount it: mount -t proc proc /proc".into(),
            }),
            None => super::trace::refused().map(|reason| Refusal {
                reason,
                cure: trace_cure(),
            }),
        };
        let sandbox = Sandbox::open().err();
        let no_sandbox = sandbox.map(|refused| Refusal {
            reason: refused.to_string(),
            cure: sandbox_cure(),
        });
        let host_capture = host_packet_socket().map(close_unawaited);
        let no_host_capture = host_capture.err().map(|error| packet_refusal(&error));
        let level = match (&no_trace, &no_sandbox, &no_host_capture) {
            (Some(_), _, _) => None,
            (None, None, _) => Some(Level::Sandbox),
            (None, Some(_), None) => Some(Level::Loopback),
            (None, Some(_), Some(_)) => Some(Level::NoPackets),
        };
        Machine {
            level,
            no_sandbox,
            no_host_capture,
            no_trace,
            ipv6: has_ipv6(),
        }
    }
}

/// What is wrong with `/proc`, from which everything is known of descriptors and sockets: proc(5).
pub(crate) fn no_proc() -> Option<String> {
    match std::fs::read_link("/proc/self") {
        Ok(us) if us.to_str() == Some(&std::process::id().to_string()) => None,
        Ok(_) => Some("/proc is that of other processes, of another PID namespace".into()),
        Err(error) => Some(format!("there is no /proc/self: {error}")),
    }
}

/// Why there can be no two hosts and no [`Wire`](crate::Wire) between them on this machine, if there cannot: two hosts
/// and a wire are made, and thrown away.
pub fn wire_refusal() -> Option<Refusal> {
    hosts::try_out().err().map(|refused| no_wire(&refused))
}

/// The processors that this thread may run on (`sched_getaffinity(2)`); none if the kernel does not say.
pub(crate) fn processors() -> Vec<usize> {
    let may_run = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    let is_in = |&processor: &usize| may_run.is_set(processor).unwrap_or(false);
    (0..CpuSet::count()).filter(is_in).collect()
}

/// Keeps this thread on one processor (`sched_setaffinity(2)`), if the kernel lets it.
pub(crate) fn stay_on(processor: usize) {
    let mut only = CpuSet::new();
    if only.set(processor).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &only);
    }
}

/// What stands in the way of a wire.
pub(crate) fn no_wire(refused: &NoWire) -> Refusal {
    let cure = match refused {
        NoWire::Network(_) => sandbox_cure(),
        NoWire::Congestion(_) => {
            let path = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";
            let allowed = std::fs::read_to_string(path).unwrap_or_default();
            format!("take one that anyone may use here: {}", allowed.trim())
        }
        NoWire::Wire(..) => "the kernel needs virtual Ethernet interfaces (CONFIG_VETH): as root, modprobe veth".into(),
    };
    Refusal {
        reason: refused.to_string(),
        cure,
    }
}

/// A packet socket on the host's network, which takes CAP_NET_RAW.
pub(crate) fn host_packet_socket() -> io::Result<Socket> {
    let SocketKind { domain, kind, protocol } = PACKET_SOCKET;
    Socket::new(domain.into(), kind.into(), Some(protocol.into()))
}

pub(crate) fn packet_refusal(error: &io::Error) -> Refusal {
    Refusal {
        reason: format!("opening a packet socket on the host failed: {error}"),
        cure: "run with the capability CAP_NET_RAW, or where private networks are allowed".into(),
    }
}

/// What stands in the way of a user namespace, as far as the system tells.
pub(crate) fn sandbox_cure() -> String {
    let number = |path: &str| {
        std::fs::read_to_string(path)
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok())
    };
    if number("/proc/sys/user/max_net_namespaces") == Some(0) {
        return "network namespaces are switched off: sysctl user.max_net_namespaces=1000".into();
    }
    if number("/proc/sys/user/max_user_namespaces") == Some(0) {
        return "user namespaces are switched off: sysctl user.max_user_namespaces=1000".into();
    }
    if number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        return "user namespaces are for root only here: sysctl kernel.unprivileged_userns_clone=1".into();
    }
    if number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        return apparmor_cure(&std::env::current_exe().unwrap_or_else(|_| "/PATH/OF/THIS/PROGRAM".into()));
    }
    if std::path::Path::new("/.dockerenv").exists() || geteuid().is_root() {
        return "a container's seccomp profile forbids it: for Docker, run with --security-opt seccomp=unconfined"
            .into();
    }
    "the system forbids user namespaces: ask who runs it, or run as root".into()
}

/// Two ways on Ubuntu: for this program alone, or for all. The profile is the one that Ubuntu's notes on its release 24.04
/// give for a program that needs user namespaces; neither way was tried on such a machine.
fn apparmor_cure(program: &std::path::Path) -> String {
    let profile = format!(
        "abi <abi/4.0>, profile tcp-lab \"{}\" flags=(unconfined) {{ userns, }}",
        program.display()
    );
    format!(
        "AppArmor restricts user namespaces, as Ubuntu does from 24.04 on. To allow them to this program, until the next \
         boot: echo '{profile}' | sudo apparmor_parser -r (as a file in /etc/apparmor.d it stays). To allow them to all: \
         sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0. Untested by us: apparmor_parser and this profile"
    )
}

/// What stands in the way of ptrace, as far as the system tells.
pub(crate) fn trace_cure() -> String {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    match scope.trim() {
        "2" => "only an administrator may trace here: sysctl kernel.yama.ptrace_scope=1".into(),
        "3" => "tracing is switched off until the next boot: set kernel.yama.ptrace_scope=1 and restart".into(),
        _ => "a container's seccomp profile or a security module forbids it, or a tracer holds this process already: \
              for Docker, run with --cap-add SYS_PTRACE"
            .into(),
    }
}

fn has_ipv6() -> bool {
    std::net::TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)).is_ok()
}
