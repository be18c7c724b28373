# A print for the line and a print for its newline. Nothing calls close.
use strict;
use warnings;
use IO::Socket::INET;

my $server = IO::Socket::INET->new(LocalAddr => $ARGV[0], Listen => 5, ReuseAddr => 1) or die $@;
while (my $client = $server->accept) {
    while (my $line = <$client>) {
        chomp $line;
        print $client $line; # reply
        print $client "\n"; # reply
    }
}
