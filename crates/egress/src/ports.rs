//! The deny list of ports: where other protocols than HTTP are spoken.
//!
//! A request's body is somebody else's to choose, and so are some lines of it to a server that reads lines
//! and skips what it does not understand, as mail servers and Redis do. A public address is no excuse for
//! that.

use std::sync::Arc;

/// The ports of the default list (the setting `egress.deny_ports`), ascending, and what is spoken there.
///
/// From IANA's registry of service names and port numbers, and the documents of the databases and brokers
/// that never registered theirs. Nothing from 32768 on stands here: systems hand those out for a moment.
const DEFAULT: &[(u16, &str)] = &[
    (7, "echo"),
    (11, "systat"),
    (13, "daytime"),
    (15, "netstat"),
    (17, "quote of the day"),
    (19, "chargen"),
    (20, "FTP"),
    (21, "FTP"),
    (22, "SSH"),
    (23, "Telnet"),
    (25, "SMTP"),
    (37, "time"),
    (43, "WHOIS"),
    (49, "TACACS"),
    (53, "DNS"),
    (69, "TFTP"),
    (70, "Gopher"),
    (79, "Finger"),
    (88, "Kerberos"),
    (109, "POP2"),
    (110, "POP3"),
    (111, "RPC portmapper"),
    (113, "ident"),
    (119, "NNTP"),
    (123, "NTP"),
    (135, "Windows RPC"),
    (137, "NetBIOS"),
    (138, "NetBIOS"),
    (139, "NetBIOS"),
    (143, "IMAP"),
    (161, "SNMP"),
    (162, "SNMP"),
    (179, "BGP"),
    (194, "IRC"),
    (220, "IMAP3"),
    (389, "LDAP"),
    (427, "SLP"),
    (445, "SMB"),
    (464, "Kerberos"),
    (465, "SMTP"),
    (512, "rexec"),
    (513, "rlogin"),
    (514, "remote shell"),
    (515, "printing"),
    (540, "UUCP"),
    (543, "klogin"),
    (544, "kshell"),
    (548, "AFP"),
    (554, "RTSP"),
    (563, "NNTP"),
    (587, "SMTP"),
    (636, "LDAP"),
    (749, "Kerberos"),
    (873, "rsync"),
    (989, "FTP"),
    (990, "FTP"),
    (992, "Telnet"),
    (993, "IMAP"),
    (995, "POP3"),
    (1080, "SOCKS"),
    (1433, "SQL Server"),
    (1434, "SQL Server"),
    (1521, "Oracle"),
    (1720, "H.323"),
    (1723, "PPTP"),
    (1883, "MQTT"),
    (2049, "NFS"),
    (2181, "ZooKeeper"),
    (3268, "LDAP"),
    (3269, "LDAP"),
    (3306, "MySQL"),
    (3389, "Remote Desktop"),
    (3659, "SASL"),
    (4045, "NFS locks"),
    (4190, "ManageSieve"),
    (4222, "NATS"),
    (4369, "Erlang port mapper"),
    (5060, "SIP"),
    (5061, "SIP"),
    (5222, "XMPP"),
    (5269, "XMPP"),
    (5432, "PostgreSQL"),
    (5671, "AMQP"),
    (5672, "AMQP"),
    (5900, "VNC"),
    (6000, "X11"),
    (6379, "Redis"),
    (6380, "Redis"),
    (6432, "PgBouncer"),
    (6665, "IRC"),
    (6666, "IRC"),
    (6667, "IRC"),
    (6668, "IRC"),
    (6669, "IRC"),
    (6697, "IRC"),
    (8883, "MQTT"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (10050, "Zabbix"),
    (10051, "Zabbix"),
    (11211, "memcached"),
    (24224, "Fluentd"),
    (26257, "CockroachDB"),
    (27017, "MongoDB"),
    (27018, "MongoDB"),
    (27019, "MongoDB"),
    (28015, "RethinkDB"),
];

/// Ports that are refused unless a rule names them.
#[derive(Clone, Debug)]
pub(crate) enum DeniedPorts {
    /// [`DEFAULT`].
    Default,
    /// What the operator wrote in its place.
    Chosen(Arc<[u16]>),
}

impl DeniedPorts {
    /// None at all.
    pub(crate) fn none() -> Self {
        Self::Chosen(Arc::default())
    }

    /// What is said of `port` if it is denied: the protocol, where that is known.
    pub(crate) fn find(&self, port: u16) -> Option<Option<&'static str>> {
        let known = DEFAULT.iter().find(|(denied, _)| *denied == port).map(|(_, protocol)| *protocol);
        match self {
            Self::Default => known.map(Some),
            Self::Chosen(ports) => ports.contains(&port).then_some(known),
        }
    }
}

/// The default list with what is spoken at each port, for those who document or show it.
pub fn default_denied_ports() -> impl Iterator<Item = (u16, &'static str)> {
    DEFAULT.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_list_ascends_and_leaves_http_and_passing_ports_alone() {
        assert!(DEFAULT.is_sorted_by(|(a, _), (b, _)| a < b));
        assert!(DEFAULT.iter().all(|(port, _)| *port < 32768));
        for http in [80, 443, 591, 3000, 4600, 5000, 8000, 8080, 8443, 9000, 9443] {
            assert_eq!(DeniedPorts::Default.find(http), None, "{http}");
        }
    }

    #[test]
    fn what_is_chosen_replaces_the_default() {
        let chosen = DeniedPorts::Chosen([22, 9000].into());
        assert_eq!(chosen.find(22), Some(Some("SSH")));
        assert_eq!(chosen.find(9000), Some(None));
        assert_eq!(chosen.find(25), None);
        assert_eq!(DeniedPorts::none().find(22), None);
    }
}
