package Carmen::Json;

# JSON text in UTF-8 bytes; Cpanel::JSON::XS when it is installed.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(to_json from_json);

my $json = do {
    my $class = eval { require Cpanel::JSON::XS; 'Cpanel::JSON::XS' }
             // do { require JSON::PP; 'JSON::PP' };
    $class->new->utf8->canonical->allow_nonref;
};


sub to_json
{
    return $json->encode($_[0]);
}


sub from_json
{
    my ($text) = @_;
    my $value = eval { $json->decode($text) };
    die "not JSON ($@): " . substr($text, 0, 400) . "\n" if $@;
    return $value;
}


1;
