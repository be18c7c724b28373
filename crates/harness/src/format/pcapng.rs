//! Captures that Wireshark opens.
