# A signing key is replaced, and nobody notices.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use Digest::SHA ();
use MIME::Base64 qw(decode_base64url);

my $t = Carmen::Test->new(domains => ['auth'], auth => '', no_start => 1,
    locations => 'location /oauth/ { carmen_auth_provider; }');
my $keys = $t->keys;

sub signing
{
    my (@names) = @_;
    $t->nginx->{auth} = join "\n", 'carmen_auth jwt;',
        "carmen_auth_issuer $Carmen::Token::ISSUER;",
        "carmen_auth_audience $Carmen::Token::AUDIENCE;",
        map { 'carmen_auth_signing_key ' . $keys->private($_)
              . " kid=$_;" } @names;
    delete $t->nginx->{template};
}

sub published
{
    return join ' ', sort map { $_->{kid} }
        @{ $t->client->get('/.well-known/jwks.json')->json->{keys} };
}

my $hash = Digest::SHA::sha256_hex('secret');
$t->sql("INSERT INTO auth.client (tenant, client_id, name, auth_method,
             secret_hash, grants, scopes)
         VALUES ('demo', 'program', 'Program', 'client_secret_post', '$hash',
             '{client_credentials}', '{orders:read}')");

sub token
{
    my $r = $t->client->post('/oauth/token',
        body => 'grant_type=client_credentials&client_id=program'
                . '&client_secret=secret',
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
    return $r->json->{access_token};
}

sub kid { from_json(decode_base64url((split /\./, $_[0])[0]))->{kid} }

sub works
{
    my ($token) = @_;
    return $t->client->with(token => $token)->post('/api/v1/auth/logout')
        ->status;
}

signing('es256');
$t->nginx->start;
is(published(), 'es256', 'one key');
my $old = token();
is(kid($old), 'es256', 'which signs');
is(works($old), 204, 'and verifies');

signing('es256', 'eddsa');
$t->nginx->reload;
is(published(), 'eddsa es256', 'the next key is published beforehand');
is(kid(token()), 'es256', 'and does not sign yet');

signing('eddsa', 'es256');
$t->nginx->reload;
my $new = token();
is(kid($new), 'eddsa', 'the next key signs');
is(published(), 'eddsa es256', 'both are published');
is(works($old), 204, 'a token of the old key still works');
is(works($new), 204, 'as does one of the new');

signing('eddsa');
$t->nginx->reload;
is(published(), 'eddsa', 'the old key is gone');
problem_is($t->client->with(token => $old)->post('/api/v1/auth/logout'), 401,
    'invalid-token', 'and its tokens with it');
is(works($new), 204, 'the others stay');

done_testing;
