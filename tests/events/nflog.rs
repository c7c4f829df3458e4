//! Packets that rules log.

use super::lab::*;
use oxitables::{
    client::{Listen, NflogReader},
    proto::{LogGroup, LogRecord, Logged},
    *,
};
use std::{os::fd::AsRawFd, time::Duration};

/// Logs datagrams to port 7 with a mark, to a group.
fn logging(group: u16) -> Batch {
    let mut batch = Batch::new();
    batch.add(host()).add(input());
    let marked = Rule::new().when(udp::dport().is(7)).then(meta::mark().set(0xabcd));
    batch.add(input().rule(marked.then(log().with_prefix("echo: ").to_group(group)).accept()));
    batch
}

#[track_caller]
fn packet(reader: &mut NflogReader) -> LogRecord {
    match reader.next(LIMIT).unwrap() {
        Some(Logged::Packet(packet)) => *packet,
        other => panic!("no packet: {other:?}"),
    }
}

#[test]
fn a_logged_packet_has_all_that_the_kernel_says() {
    testing::in_namespace(|| {
        Client::open().unwrap().apply(&logging(5)).unwrap();
        let mut reader = NflogReader::bind(LogGroup::new(5).with_copy(40)).unwrap();
        let before = std::time::SystemTime::now();
        for (n, (to, family, protocol, header)) in
            [("127.0.0.1:7", Family::Ip, 0x0800, 20), ("[::1]:7", Family::Ip6, 0x86dd, 40)].into_iter().enumerate()
        {
            let port = send(to, b"a datagram of 30 bytes, or so..");
            let packet = packet(&mut reader);
            assert_eq!((packet.family, packet.protocol, packet.number), (family, protocol, Some(n as u32)));
            assert_eq!((&packet.prefix[..], packet.hook, packet.mark), ("echo: ", Some(Hook::Input), Some(0xabcd)));
            // Loopback is the first device.
            assert_eq!((packet.iif, packet.oif, packet.physiif, packet.hwtype), (Some(1), None, None, Some(772)));
            assert_eq!(packet.payload.len(), 40);
            assert!(packet.time.is_none_or(|time| time >= before - Duration::from_secs(1)));
            let flow = packet.flow().unwrap();
            let to: std::net::SocketAddr = to.parse().unwrap();
            assert_eq!((flow.saddr, flow.daddr, flow.protocol), (to.ip(), to.ip(), Protocol::UDP));
            // 40 bytes of IPv6 end before the ports.
            assert_eq!(flow.ports, (header < 40).then_some((port, 7)));
        }
    });
}

#[test]
fn who_sent_it_and_by_which_device() {
    testing::isolated(|lab| -> Result<(), Box<dyn std::error::Error>> {
        let (client, server) = (lab.host("client")?, lab.host("server")?);
        lab.link((&client, "eth0"), (&server, "eth0"))?;
        client.address("eth0", "10.77.1.10/24".parse()?)?;
        server.address("eth0", "10.77.1.1/24".parse()?)?;
        let mac = client.run(|| std::fs::read_to_string("/sys/class/net/eth0/address"));
        let output = host().chain("output").with_hook(Hook::Output, Priority::FILTER);
        let mut out = Batch::new();
        out.add(host()).add(&output);
        out.add(output.rule(Rule::new().when(udp::dport().is(7)).then(log().to_group(6))));
        let mut sent = client.run(|| {
            Client::open()?.apply(&out)?;
            NflogReader::bind(LogGroup::new(6))
        })?;
        let mut arrived = server.run(|| {
            Client::open()?.apply(&logging(5))?;
            NflogReader::bind(LogGroup::new(5))
        })?;
        client.run(|| std::net::UdpSocket::bind("10.77.1.10:0")?.send_to(b"?", "10.77.1.1:7"))?;
        let sent = packet(&mut sent);
        assert_eq!((sent.hook, sent.iif, sent.oif), (Some(Hook::Output), None, Some(client.index("eth0")?)));
        assert_eq!((sent.prefix.len(), sent.uid.is_some(), sent.gid.is_some()), (0, true, true));
        let arrived = packet(&mut arrived);
        assert_eq!(arrived.iif, Some(server.index("eth0")?));
        assert_eq!((arrived.hwaddr.len(), arrived.hwheader.len(), arrived.hwtype), (6, 14, Some(1)));
        assert_eq!(arrived.hwaddr, arrived.hwheader[6..12]);
        // What /sys shows is of the namespace that it was mounted in.
        if let Ok(mac) = mac {
            let shown: Vec<String> = arrived.hwaddr.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(mac.trim().len(), shown.join(":").len());
        }
        assert_eq!(arrived.flow().unwrap().saddr, "10.77.1.10".parse::<std::net::IpAddr>()?);
        Ok(())
    });
}

#[test]
fn what_is_lost_is_counted() {
    testing::in_namespace(|| {
        Client::open().unwrap().apply(&logging(5)).unwrap();
        let mut reader = NflogReader::bind(LogGroup::new(5)).unwrap();
        reader.set_receive_buffer(0).unwrap();
        const SENT: u32 = 200;
        for _ in 0..SENT {
            send("127.0.0.1:7", &[0; 500]);
        }
        let (mut read, mut lost, mut overruns) = (0, 0, 0);
        let mut tell = |logged| match logged {
            Logged::Packet(packet) => {
                read += 1;
                assert_eq!(packet.number, Some(read + lost - 1));
            }
            Logged::Lost(Some(many)) => lost += many,
            Logged::Lost(None) => overruns += 1,
            other => panic!("{other:?}"),
        };
        while let Some(logged) = reader.next(Duration::ZERO).unwrap() {
            tell(logged);
        }
        // The next packet says how many it were.
        send("127.0.0.1:7", b"?");
        while let Some(logged) = reader.next(Duration::ZERO).unwrap() {
            tell(logged);
        }
        assert_eq!(read + lost, SENT + 1);
        assert!(lost > 0 && overruns > 0, "{read} read, {lost} lost, {overruns} overruns");
    });
}

#[test]
fn packets_may_be_gathered() {
    testing::in_namespace(|| {
        Client::open().unwrap().apply(&logging(5)).unwrap();
        let group = LogGroup::new(5).with_queue(3, Duration::from_secs(3600));
        let mut reader = NflogReader::bind(group).unwrap();
        send("127.0.0.1:7", b"1");
        send("127.0.0.1:7", b"2");
        assert_eq!(reader.next(Duration::ZERO).unwrap(), None, "two of three");
        send("127.0.0.1:7", b"3");
        for n in 0..3 {
            assert_eq!(packet(&mut reader).number, Some(n));
        }
    });
}

#[test]
fn a_group_has_one_reader() {
    testing::in_namespace(|| {
        let first = NflogReader::bind(LogGroup::new(5)).unwrap();
        assert!(first.as_raw_fd() > 2);
        let second = NflogReader::bind(LogGroup::new(5)).unwrap_err();
        assert_eq!(second.to_string(), "log group 5: EPERM: another socket reads this group, and it has one reader");
        NflogReader::bind(LogGroup::new(6)).unwrap();
        drop(first);
        NflogReader::bind(LogGroup::new(5)).unwrap();
    });
}
