//! The fields: what each is for, and where that is written.

use super::field::Name;

macro_rules! names {
    ($($(#[$docs:meta])* $id:ident = $name:literal, $source:literal, $meaning:literal;)*) => {
        $($(#[$docs])* pub(super) static $id: Name = Name { name: $name, meaning: $meaning, source: $source };)*
    };
}

names! {
    // What is in no specification.
    CUT = "Cut", "", "The capture, or the frame itself, ends here before the field does.";
    NOT_DECODED = "Not taken apart", "", "These bytes are no part of a TCP segment, or of a header that is known here.";
    TUNNEL = "Tunnel", "", "Headers that carry the packet that follows, such as VXLAN or MPLS. They are not taken apart here.";
    PADDING = "Padding", "IEEE 802.3, section 3.2.8",
        "Bytes behind the end of the packet: Ethernet fills a frame up to its least length, and IP's length leaves them out.";
    DATA = "Data", "RFC 9293, section 3.1", "The bytes of the stream that this segment carries: what a program wrote.";

    // Links.
    MAC_DESTINATION = "Destination", "IEEE 802.3, section 3.2.3", "The link-layer address that the frame is for.";
    MAC_SOURCE = "Source", "IEEE 802.3, section 3.2.3", "The link-layer address that the frame comes from.";
    ETHER_TYPE = "EtherType", "IEEE 802.3, section 3.2.6", "Which protocol the frame carries.";
    VLAN_PRIORITY = "Priority", "IEEE 802.1Q, section 9.6", "How urgent the frame is on this network.";
    VLAN_DROP = "Drop Eligible", "IEEE 802.1Q, section 9.6", "Whether the network should rather drop this frame than others.";
    VLAN_NUMBER = "VLAN Identifier", "IEEE 802.1Q, section 9.6", "Which virtual network the frame belongs to.";
    SLL_TYPE = "Packet Type", "LINKTYPE_LINUX_SLL", "Whether the frame was sent to this host, by it, or between others.";
    SLL_DEVICE = "ARPHRD Type", "LINKTYPE_LINUX_SLL", "The kind of the interface, by Linux's numbers.";
    SLL_LENGTH = "Address Length", "LINKTYPE_LINUX_SLL", "How many bytes of the address that follows count.";
    SLL_ADDRESS = "Address", "LINKTYPE_LINUX_SLL", "The link-layer address of the sender.";
    SLL_PROTOCOL = "Protocol", "LINKTYPE_LINUX_SLL", "Which protocol the frame carries.";
    SLL_INTERFACE = "Interface Index", "LINKTYPE_LINUX_SLL2", "The number of the interface that saw the frame.";
    SLL_RESERVED = "Reserved", "LINKTYPE_LINUX_SLL2", "Not used.";
    FAMILY = "Address Family", "LINKTYPE_NULL", "Which protocol the frame carries, in the byte order of the host that captured it.";

    // IP version 4.
    V4_VERSION = "Version", "RFC 791, section 3.1", "The version of IP: 4.";
    V4_IHL = "IHL", "RFC 791, section 3.1", "How long this header is, in words of 4 bytes. Without options it is 5.";
    V4_DSCP = "DSCP", "RFC 2474, section 3", "Which treatment the packet asks of routers. 0 is the usual one.";
    ECN = "ECN", "RFC 3168, section 5", "Whether routers may mark the packet instead of dropping it, and whether one did.";
    V4_TOTAL = "Total Length", "RFC 791, section 3.1", "How long the packet is in bytes, with this header.";
    V4_ID = "Identification", "RFC 791, section 3.1", "Tells which fragments belong together, if the packet is fragmented.";
    V4_RESERVED = "Reserved", "RFC 791, section 3.1", "Not used: 0.";
    V4_DF = "Don't Fragment", "RFC 791, section 3.1", "Routers must not cut the packet. Where it does not fit, they send an error back.";
    V4_MF = "More Fragments", "RFC 791, section 3.1", "Further fragments of the same packet follow.";
    V4_OFFSET = "Fragment Offset", "RFC 791, section 3.1", "Where in the packet this fragment belongs, in units of 8 bytes.";
    V4_TTL = "Time to Live", "RFC 791, section 3.1", "Each router counts this down by one and drops the packet at 0.";
    V4_PROTOCOL = "Protocol", "RFC 791, section 3.1", "Which protocol the packet carries.";
    V4_CHECKSUM = "Header Checksum", "RFC 791, section 3.1", "A sum over this header by which damage is noticed.";
    V4_SOURCE = "Source Address", "RFC 791, section 3.1", "The address of the sender.";
    V4_DESTINATION = "Destination Address", "RFC 791, section 3.1", "The address of the receiver.";
    V4_OPTIONS = "Options", "RFC 791, section 3.1", "Options of IP. They are rare, and are not taken apart here.";

    // IP version 6.
    V6_VERSION = "Version", "RFC 8200, section 3", "The version of IP: 6.";
    V6_DSCP = "DSCP", "RFC 8200, section 7", "Which treatment the packet asks of routers. 0 is the usual one.";
    V6_FLOW = "Flow Label", "RFC 8200, section 6", "The same for all packets of a connection, so that routers can keep them on one path.";
    V6_LENGTH = "Payload Length", "RFC 8200, section 3", "How many bytes follow this header.";
    V6_NEXT = "Next Header", "RFC 8200, section 3", "What follows this header.";
    V6_HOPS = "Hop Limit", "RFC 8200, section 3", "Each router counts this down by one and drops the packet at 0.";
    V6_SOURCE = "Source Address", "RFC 8200, section 3", "The address of the sender.";
    V6_DESTINATION = "Destination Address", "RFC 8200, section 3", "The address of the receiver.";
    EXTENSION_NEXT = "Next Header", "RFC 8200, section 4", "What follows this extension header.";
    EXTENSION_LENGTH = "Hdr Ext Len", "RFC 8200, section 4", "How long this extension header is, in units of 8 bytes beyond the first 8.";
    EXTENSION_DATA = "Options", "RFC 8200, section 4.2", "What the extension header holds. It is not taken apart here.";
    FRAGMENT = "Fragment", "RFC 8200, section 4.5", "Where in a packet this fragment belongs. Fragments are not put together here.";
    AUTHENTICATION = "Authentication Header", "RFC 4302, section 2", "Proves who sent the packet. It is not taken apart here.";

    // TCP.
    SOURCE_PORT = "Source Port", "RFC 9293, section 3.1", "The port of the sender. With both addresses and the other port it names the connection.";
    DESTINATION_PORT = "Destination Port", "RFC 9293, section 3.1", "The port of the receiver.";
    SEQUENCE = "Sequence Number", "RFC 9293, section 3.1", "The number of the first byte of data in this segment. A SYN has a number of its own, and so has a FIN.";
    ACKNOWLEDGMENT = "Acknowledgment Number", "RFC 9293, section 3.1", "The number that the sender of this segment expects next: it has all that is below.";
    DATA_OFFSET = "Data Offset", "RFC 9293, section 3.1", "How long this header is, in words of 4 bytes. Without options it is 5.";
    RESERVED = "Reserved", "RFC 9293, section 3.1", "Not used: 0.";
    AE = "AE", "RFC 9768, section 3.1", "Accurate ECN: a part of the count of packets that routers have marked. Earlier it was NS.";
    CWR = "CWR", "RFC 3168, section 6.1", "Congestion Window Reduced: the sender has slowed down, as ECE had asked it to.";
    ECE = "ECE", "RFC 3168, section 6.1", "ECN-Echo: a router has marked a packet. In a SYN it offers ECN.";
    URG = "URG", "RFC 9293, section 3.1", "The urgent pointer counts.";
    ACK = "ACK", "RFC 9293, section 3.1", "The acknowledgment number counts. Only the first segment of a connection is without it, and some resets.";
    PSH = "PSH", "RFC 9293, section 3.1", "Push: the receiver should hand over the data, and not wait for more.";
    RST = "RST", "RFC 9293, section 3.1", "Reset: the connection is gone.";
    SYN = "SYN", "RFC 9293, section 3.1", "Synchronize: the sequence number is the first one of this direction.";
    FIN = "FIN", "RFC 9293, section 3.1", "The sender of this segment will send no more data.";
    WINDOW = "Window", "RFC 9293, section 3.1", "How many more bytes, from the acknowledgment number on, the sender of this segment takes.";
    CHECKSUM = "Checksum", "RFC 9293, section 3.1", "A sum over the two addresses, this header and the data, by which damage is noticed.";
    URGENT = "Urgent Pointer", "RFC 9293, section 3.1", "With URG: how far from the sequence number urgent data ends.";

    // Options of TCP.
    KIND = "Kind", "RFC 9293, section 3.2", "Which option this is.";
    LENGTH = "Length", "RFC 9293, section 3.2", "How many bytes the option takes, with its kind and this length.";
    END_OF_OPTIONS = "End of Option List", "RFC 9293, section 3.2", "No options follow. What is left of the header is padding.";
    OPTION_PADDING = "Padding", "RFC 9293, section 3.1", "Fills the header up to a whole number of words.";
    NO_OPERATION = "No-Operation", "RFC 9293, section 3.2", "Does nothing: it lets the option behind it begin at a whole word.";
    MSS = "Maximum Segment Size", "RFC 9293, section 3.7.1", "The largest amount of data that the sender of this segment takes in one segment. RFC 6691 says how it is worked out.";
    WINDOW_SCALE = "Window Scale", "RFC 7323, section 2", "By how many bits later windows of this direction are shifted, if both sides send this option.";
    SACK_PERMITTED = "Kind", "RFC 2018, section 2", "SACK-Permitted: the sender of this SYN understands selective acknowledgments. The option has no value.";
    SACK_LEFT = "Left Edge", "RFC 2018, section 3", "The number of the first byte of a block that has come out of order, or twice.";
    SACK_RIGHT = "Right Edge", "RFC 2018, section 3", "The number behind the last byte of that block.";
    TS_VALUE = "Timestamp Value", "RFC 7323, section 3", "The clock of the sender when the segment left. Its unit and its start are the sender's own.";
    TS_ECHO = "Timestamp Echo Reply", "RFC 7323, section 3", "A timestamp value of the peer, sent back: by it the peer measures a round trip.";
    COOKIE = "Cookie", "RFC 7413, section 4.1.1", "TCP Fast Open: lets a known client send data in its SYN. Without a value it asks for a cookie.";
    DIGEST = "MD5 Digest", "RFC 2385, section 3", "Proves that the sender knows a shared secret.";
    AUTHENTICATION_OPTION = "Authentication", "RFC 5925, section 2.2", "Proves that the sender knows a shared secret.";
    MULTIPATH = "Multipath", "RFC 8684, section 3", "Several connections together carry one stream. It is not taken apart here.";
    ACCURATE_ECN = "Accurate ECN", "RFC 9768, section 3.2.3", "Counts of the bytes that routers have marked.";
    OPTION_DATA = "Value", "RFC 9293, section 3.2", "The value of an option that is not known here. A receiver that does not know it skips it.";
}
