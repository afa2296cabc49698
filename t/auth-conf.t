#!/usr/bin/perl
# What nginx -t says to mistakes in keys and directives: the place and the
# remedy.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;

my $t = Carmen::Test->new(domains => ['auth'], no_start => 1);
my $nginx = $t->expect(qr/\[emerg\]/)->nginx;
my $keys = $t->keys;
my $dir = $nginx->dir;

my %good = (
    mode => 'carmen_auth jwt;',
    issuer => 'carmen_auth_issuer https://issuer.example;',
    audience => 'carmen_auth_audience shop;',
    key => 'carmen_auth_key ' . $keys->jwks . ';',
    signing => 'carmen_auth_signing_key ' . $keys->private('es256') . ';',
);


# nginx -t over a server with these directives, some of them replaced.

sub conf_says
{
    my ($expected, $name, %other) = @_;
    my %with = (%good, %other);

    $nginx->{auth} = join "\n", map { $with{$_} // () }
        'more', sort grep { $_ ne 'more' } keys %with;
    my $said = $nginx->test;

    if (!defined $expected) {
        is($?, 0, $name) or diag($said);
        return;
    }
    ok($? != 0 && $said =~ $expected && $said =~ /nginx\.conf:\d+$/m, $name)
        or diag($said);
}


sub file
{
    my ($name, $text) = @_;
    Carmen::Token::write_file("$dir/$name", $text);
    chmod 0600, "$dir/$name";
    return "$dir/$name";
}


sub openssl { Carmen::Token::command(@_) }


conf_says(undef, 'all is well');

conf_says(qr/no key to verify with: add "carmen_auth_key/, 'no key',
    key => undef, signing => undef);
conf_says(qr/need an issuer: add "carmen_auth_issuer/, 'no issuer',
    issuer => undef);
conf_says(qr/audience: add "carmen_auth_audience/, 'no audience',
    audience => undef);
conf_says(qr/signs tokens: add "carmen_auth_signing_key/,
    'endpoints without a signing key', signing => undef);
conf_says(qr/invalid value "basic"/, 'an unknown mode',
    mode => 'carmen_auth basic;');
conf_says(qr/cannot read key.*No such file/, 'a file that is not there',
    key => "carmen_auth_key $dir/none.pem;");
conf_says(qr/is not a file/, 'a directory', key => "carmen_auth_key $dir;");
conf_says(qr/unknown algorithm "alg=HS512"/, 'an unknown algorithm',
    key => 'carmen_auth_key ' . $keys->public('es256') . ' alg=HS512;');
conf_says(qr/algorithm does not fit the key/, 'another algorithm',
    key => 'carmen_auth_key ' . $keys->public('es256') . ' alg=RS256;');
conf_says(qr/invalid parameter "name=x"/, 'an unknown parameter',
    key => 'carmen_auth_key ' . $keys->public('es256') . ' name=x;');
conf_says(qr/neither a JWK set nor a PEM key/, 'no key',
    key => 'carmen_auth_key ' . file('words', 'hello') . ';');
conf_says(qr/2048 bits or more/, 'a weak RSA key',
    key => 'carmen_auth_key ' . file('weak.pem', openssl('genpkey',
        qw(-algorithm RSA -pkeyopt rsa_keygen_bits:1024))) . ';');
conf_says(qr/HS256 needs 32 bytes/, 'a weak secret',
    key => 'carmen_auth_key '
        . file('weak.json', '{"kty":"oct","kid":"k","k":"c2VjcmV0"}') . ';');
conf_says(qr/must be P-256/, 'another curve',
    key => 'carmen_auth_key ' . file('p384.pem', openssl('genpkey',
        qw(-algorithm EC -pkeyopt ec_paramgen_curve:P-384))) . ';');
conf_says(qr/two keys are called "test-rs256"/, 'one name for two keys',
    more => 'carmen_auth_key ' . $keys->public('eddsa')
        . ' kid=test-rs256;');
conf_says(qr/a private key for ES256 or EdDSA/, 'signing with a public key',
    signing => 'carmen_auth_signing_key ' . $keys->public('es256') . ';');
conf_says(qr/a private key for ES256 or EdDSA/, 'signing with RSA',
    signing => 'carmen_auth_signing_key ' . $keys->private('rs256') . ';');
conf_says(qr/a private key for ES256 or EdDSA/, 'the second of them public',
    more => 'carmen_auth_signing_key ' . $keys->public('eddsa') . ';');
conf_says(qr/needs a location of its own/, 'a provider among the API',
    more => 'location /x { carmen_auth_endpoints; carmen_auth_provider; }');
conf_says(qr/must be 5 minutes at most/, 'an endless leeway',
    more => 'carmen_auth_leeway 1h;');
conf_says(qr/value must be between 4 and 16/, 'a cheap hash',
    more => 'carmen_auth_bcrypt_cost 3;');
conf_says(qr/lifetime of a token must be a second or more/, 'no lifetime',
    more => 'carmen_auth_token_lifetime 0;');

$nginx->{http} = 'carmen_auth_cache 0;';
conf_says(qr/must be "off" or from 1/, 'an empty cache');
$nginx->{http} = 'carmen_auth_attempts 1k;';
conf_says(qr/must be \d+ kilobytes or more/, 'a tiny zone');
$nginx->{http} = '';

conf_says(undef, 'a key by PEM, and an EdDSA key that signs',
    key => 'carmen_auth_key ' . $keys->public('rs256') . ' kid=rsa alg=RS256;',
    signing => 'carmen_auth_signing_key ' . $keys->private('eddsa')
        . ' kid=2026-11;');

$nginx->{locations} = 'location /late { carmen_auth_issuer ""; empty_gif; }';
conf_says(qr/need an issuer/, 'a location that takes the issuer away');
$nginx->{locations} = '';

chmod 0644, $keys->private('es256');
$nginx->{auth} = join "\n", values %good;
like($nginx->test, qr/can be read by everyone/,
    'a private key that everyone can read is warned of');

done_testing();
